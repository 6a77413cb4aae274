#include "tests/history/edn.h"

#include <cctype>
#include <charconv>
#include <sstream>
#include <string_view>

namespace jangada::history {
namespace {

const char* Name(Type type) {
  switch (type) {
    case Type::kInvoke: return "invoke";
    case Type::kOk: return "ok";
    case Type::kFail: return "fail";
    case Type::kInfo: return "info";
  }
  return "";
}

const char* Name(Function function) {
  switch (function) {
    case Function::kSend: return "send";
    case Function::kPoll: return "poll";
    case Function::kTransaction: return "txn";
    case Function::kAssign: return "assign";
    case Function::kSubscribe: return "subscribe";
    case Function::kListOffsets: return "list-offsets";
    case Function::kAssigned: return "assigned";
    case Function::kCommit: return "commit";
    case Function::kCommitted: return "committed";
    case Function::kLeave: return "leave";
    case Function::kBatch: return "batch";
  }
  return "";
}

void Write(std::ostream& out, const Send& send) {
  out << "[:send " << send.key << " ";
  if (send.offset) {
    out << "[" << *send.offset << " " << send.value << "]";
  } else {
    out << send.value;
  }
  out << "]";
}

void Write(std::ostream& out, const std::map<Key, std::vector<Polled>>& polled) {
  out << "[:poll {";
  const char* between_keys = "";
  for (const auto& [key, records] : polled) {
    out << between_keys << key << " [";
    const char* gap = "";
    for (const Polled& record : records) {
      out << gap << "[" << record.offset << " " << record.value << "]";
      gap = " ";
    }
    out << "]";
    between_keys = ", ";
  }
  out << "}]";
}

void WriteValue(std::ostream& out, const Operation& operation) {
  const char* gap = "";
  switch (operation.function) {
    case Function::kAssign:
    case Function::kSubscribe:
    case Function::kAssigned:
    case Function::kLeave:
    case Function::kBatch:
      out << "[";
      for (const Key key : operation.keys) {
        out << gap << key;
        gap = " ";
      }
      out << "]";
      return;
    case Function::kListOffsets:
    case Function::kCommit:
    case Function::kCommitted:
      out << "{";
      for (const auto& [key, end] : operation.ends) {
        out << gap << key << " " << end;
        gap = ", ";
      }
      out << "}";
      return;
    case Function::kSend:
    case Function::kPoll:
    case Function::kTransaction:
      out << "[";
      for (const Send& send : operation.sends) {
        out << gap;
        Write(out, send);
        gap = " ";
      }
      if (operation.function != Function::kSend) {
        out << gap;
        Write(out, operation.polled);
      }
      out << "]";
  }
}

/// A reader of one line. After the first mistake every call answers nothing and the mistake stays.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  bool ok() const { return mistake_.empty(); }
  Error error() const {
    return Error{ErrorCode::kInvalidArgument,
                 mistake_ + " at character " + std::to_string(at_ + 1)};
  }
  void Fail(const std::string& why) {
    if (ok()) mistake_ = why;
  }

  /// Commas are blanks in EDN.
  void SkipBlanks() {
    while (at_ < text_.size() &&
           (std::isspace(static_cast<unsigned char>(text_[at_])) || text_[at_] == ','))
      ++at_;
  }
  char Peek() {
    SkipBlanks();
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool Accept(char wanted) {
    if (!ok() || Peek() != wanted) return false;
    ++at_;
    return true;
  }
  void Expect(char wanted) {
    if (!Accept(wanted)) Fail(std::string("expected '") + wanted + "'");
  }
  std::string Keyword() {
    Expect(':');
    const size_t begin = at_;
    while (at_ < text_.size() &&
           (std::isalnum(static_cast<unsigned char>(text_[at_])) || text_[at_] == '-'))
      ++at_;
    if (at_ == begin) Fail("expected a keyword");
    return std::string(text_.substr(begin, at_ - begin));
  }
  int64_t Number() {
    SkipBlanks();
    int64_t number = 0;
    const auto [end, error] =
        std::from_chars(text_.data() + at_, text_.data() + text_.size(), number);
    if (error != std::errc()) {
      Fail("expected a number");
      return 0;
    }
    at_ = static_cast<size_t>(end - text_.data());
    return number;
  }
  std::string String() {
    Expect('"');
    const size_t end = ok() ? text_.find('"', at_) : std::string_view::npos;
    if (end == std::string_view::npos) {
      Fail("a string without its end");
      return "";
    }
    const std::string text(text_.substr(at_, end - at_));
    at_ = end + 1;
    return text;
  }
  /// Any value, whatever it is.
  void Skip() {
    int depth = 0;
    do {
      const char next = Peek();
      if (next == '\0') return Fail("the line ends too early");
      if (next == '"') {
        String();
        continue;
      }
      if (next == '[' || next == '{' || next == '(') ++depth;
      if (next == ']' || next == '}' || next == ')') --depth;
      ++at_;
      while (depth == 0 && at_ < text_.size() &&
             !std::isspace(static_cast<unsigned char>(text_[at_])) && text_[at_] != ',' &&
             text_[at_] != '}')
        ++at_;
    } while (ok() && depth > 0);
  }

 private:
  const std::string_view text_;
  size_t at_ = 0;
  std::string mistake_;
};

void ReadPolled(Reader& in, Operation* operation) {
  if (in.Peek() == ']') return;  // an invocation: what it will read is not known
  in.Expect('{');
  while (in.ok() && !in.Accept('}')) {
    std::vector<Polled>& records = operation->polled[in.Number()];
    in.Expect('[');
    while (in.ok() && !in.Accept(']')) {
      in.Expect('[');
      Polled record;
      record.offset = in.Number();
      record.value = in.Number();
      in.Expect(']');
      records.push_back(record);
    }
  }
}

Send ReadSend(Reader& in) {
  Send send;
  send.key = in.Number();
  if (in.Accept('[')) {
    send.offset = in.Number();
    send.value = in.Number();
    in.Expect(']');
  } else {
    send.value = in.Number();
  }
  return send;
}

void ReadParts(Reader& in, Operation* operation) {
  in.Expect('[');
  while (in.ok() && !in.Accept(']')) {
    in.Expect('[');
    const std::string word = in.Keyword();
    if (word == "send") {
      operation->sends.push_back(ReadSend(in));
    } else if (word == "poll") {
      ReadPolled(in, operation);
    } else {
      in.Fail("expected :send or :poll");
    }
    in.Expect(']');
  }
}

void ReadKeys(Reader& in, Operation* operation) {
  in.Expect('[');
  while (in.ok() && !in.Accept(']')) operation->keys.push_back(in.Number());
}

void ReadEnds(Reader& in, Operation* operation) {
  in.Expect('{');
  while (in.ok() && !in.Accept('}')) {
    const Key key = in.Number();
    operation->ends[key] = in.Number();
  }
}

template <class Enum, size_t N>
Enum Among(Reader& in, const Enum (&all)[N]) {
  const std::string word = in.Keyword();
  for (const Enum one : all) {
    if (word == Name(one)) return one;
  }
  in.Fail("unknown word :" + word);
  return all[0];
}

constexpr Type kTypes[] = {Type::kInvoke, Type::kOk, Type::kFail, Type::kInfo};
constexpr Function kFunctions[] = {
    Function::kSend,      Function::kPoll,        Function::kTransaction, Function::kAssign,
    Function::kSubscribe, Function::kListOffsets, Function::kAssigned,    Function::kCommit,
    Function::kCommitted, Function::kLeave,       Function::kBatch};

/// REQUIRES: the function is known, which is why :f stands before :value.
void ReadValue(Reader& in, Operation* operation) {
  switch (operation->function) {
    case Function::kAssign:
    case Function::kSubscribe:
    case Function::kAssigned:
    case Function::kLeave:
    case Function::kBatch: return ReadKeys(in, operation);
    case Function::kListOffsets:
    case Function::kCommit:
    case Function::kCommitted: return ReadEnds(in, operation);
    case Function::kSend:
    case Function::kPoll:
    case Function::kTransaction: return ReadParts(in, operation);
  }
}

}  // namespace

std::string ToEdn(const Operation& operation) {
  std::ostringstream out;
  out << "{:process " << operation.process << " :type :" << Name(operation.type)
      << " :f :" << Name(operation.function) << " :value ";
  WriteValue(out, operation);
  if (operation.generation >= 0) out << " :generation " << operation.generation;
  if (operation.instance != 0) out << " :instance " << operation.instance;
  if (operation.producer != 0) out << " :producer " << operation.producer;
  if (!operation.error.empty()) out << " :error \"" << operation.error << "\"";
  out << "}";
  return out.str();
}

Result<Operation> FromEdn(const std::string& line) {
  Reader in(line);
  Operation operation;
  bool function_known = false;
  in.Expect('{');
  while (in.ok() && !in.Accept('}')) {
    const std::string word = in.Keyword();
    if (word == "process") {
      operation.process = in.Number();
    } else if (word == "type") {
      operation.type = Among(in, kTypes);
    } else if (word == "f") {
      operation.function = Among(in, kFunctions);
      function_known = true;
    } else if (word == "value") {
      if (!function_known) in.Fail("expected :f before :value");
      if (in.ok()) ReadValue(in, &operation);
    } else if (word == "generation") {
      operation.generation = static_cast<int32_t>(in.Number());
    } else if (word == "instance") {
      operation.instance = in.Number();
    } else if (word == "producer") {
      operation.producer = in.Number();
    } else if (word == "error") {
      operation.error = in.String();
    } else {
      in.Skip();
    }
  }
  if (!in.ok()) return in.error();
  if (!function_known) return Error{ErrorCode::kInvalidArgument, "the operation has no :f"};
  return operation;
}

Result<std::vector<Operation>> ReadEdn(std::istream& in) {
  std::vector<Operation> history;
  std::string line;
  for (int64_t number = 1; std::getline(in, line); ++number) {
    if (line.empty()) continue;
    auto operation = FromEdn(line);
    if (!operation.ok()) {
      return Error{ErrorCode::kInvalidArgument,
                   "line " + std::to_string(number) + ": " + operation.error().message};
    }
    history.push_back(std::move(*operation));
  }
  return history;
}

}  // namespace jangada::history
