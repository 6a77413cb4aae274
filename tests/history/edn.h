// EDN: a history as text, one map a line, as Jepsen's Kafka workload writes it:
//   {:process 0 :type :invoke :f :send :value [[:send 3 17]]}
//   {:process 0 :type :ok :f :send :value [[:send 3 [42 17]]]}
//   {:process 1 :type :ok :f :assign :value [3]}
//   {:process 1 :type :ok :f :poll :value [[:poll {3 [[42 17] [43 18]]}]]}
//   {:process 2 :type :ok :f :list-offsets :value {3 44}}
// and, beyond Jepsen's, the words of consumer groups and a send's idempotent producer:
//   {:process 7 :type :ok :f :assigned :value [3 4] :generation 12 :instance 1}
//   {:process 7 :type :ok :f :committed :value {3 40, 4 -1}}
//   {:process 7 :type :info :f :commit :value {3 44} :error "timed out"}
//   {:process 7 :type :ok :f :leave :value []}
//   {:process 0 :type :invoke :f :send :value [[:send 3 17]] :producer 1}
//   {:process 9 :type :ok :f :batch :value [3 42 2 1001 0 17]}
// A failed or unknown operation may end with ` :error "why"`. Other keys of the map are passed
// over.
#pragma once

#include <istream>
#include <string>
#include <vector>

#include "base/result.h"
#include "tests/history/history.h"

namespace jangada::history {

/// Without the newline.
std::string ToEdn(const Operation& operation);

/// kInvalidArgument: what is wrong, and at which character.
Result<Operation> FromEdn(const std::string& line);

/// A whole file; empty lines are passed over. kInvalidArgument names the line.
Result<std::vector<Operation>> ReadEdn(std::istream& in);

}  // namespace jangada::history
