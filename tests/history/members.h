// CheckMembers: what the members of one consumer group saw that a group must not do. It is judged
// from outside, by what clients did and were told, where groups.h also knows the group's log. Pure.
//
//   two-owners            one partition assigned to two members in one generation
//   two-assignments       one member assigned two different parts of one generation
//   stale-committed       told less than what was known to be committed before it asked
//   made-up-committed     told what nobody had asked to commit
//   commit-went-back      acknowledged, though more was known to be committed before it was asked
//   reread-committed      an assignment began to read below what was committed
//   read-skip             ... or above it: where nobody had asked to commit
//   read-unassigned       read of a partition that was not the member's
//   consumed-twice        two assignments consumed a record, and both their commits were
//   acknowledged commit-unread         committed beyond what the member had read: the member's own
//   fault unconsumed            at the end, records that the group had not committed not-converged
//   at the end, members that do not divide the partitions in one generation
//
// Why "exactly once" follows: whoever begins to read does so at 0 or where somebody asked to commit
// (read-skip), nobody asks to commit what it did not read from there on (commit-unread, and the
// checker's poll-skip), so what is committed at the end was read by members whose ranges join; and
// ranges whose commits were acknowledged do not overlap (consumed-twice).
//
// What cannot be known from outside: a commit whose end is not kOk may have been done, for the
// client repeats it by itself and tells only of the last attempt. Such a commit explains what is
// told later, and proves nothing.
#pragma once

#include <vector>

#include "tests/history/checker.h"
#include "tests/history/history.h"

namespace jangada::history {

/// All anomalies, in the order found. Histories without members have none.
std::vector<Anomaly> CheckMembers(const std::vector<Operation>& history);

}  // namespace jangada::history
