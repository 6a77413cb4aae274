// CHECK: a programmer's error ends the process at once, and says which values broke which rule.
// Always on, in every build. An operating error (a full disk, a bad request) is a Result, never a
// CHECK. Safe from any thread.
#pragma once

#include <sstream>
#include <string>

namespace jangada {

/// Prints `file:line: CHECK failed: what` to stderr and aborts.
[[noreturn]] void CheckFailed(const char* file, int line, const std::string& what);

namespace internal {

template <class T>
std::string Show(const T& value) {
  if constexpr (requires(std::ostringstream & out) { out << value; }) {
    std::ostringstream out;
    out << value;
    return out.str();
  } else {
    return "?";
  }
}

template <class A, class B>
std::string ShowBoth(const char* text, const A& a, const B& b) {
  return std::string(text) + " (" + Show(a) + " vs " + Show(b) + ")";
}

}  // namespace internal
}  // namespace jangada

#define CHECK(condition)                                      \
  do {                                                        \
    if (!(condition)) [[unlikely]]                            \
      ::jangada::CheckFailed(__FILE__, __LINE__, #condition); \
  } while (0)

/// CHECK with a sentence that tells the reader what the rule protects.
#define CHECK_MSG(condition, message)                                                       \
  do {                                                                                      \
    if (!(condition)) [[unlikely]]                                                          \
      ::jangada::CheckFailed(__FILE__, __LINE__, std::string(#condition ": ") + (message)); \
  } while (0)

#define JANGADA_CHECK_OP(a, b, op)                                               \
  do {                                                                           \
    const auto& check_a_ = (a);                                                  \
    const auto& check_b_ = (b);                                                  \
    if (!(check_a_ op check_b_)) [[unlikely]]                                    \
      ::jangada::CheckFailed(                                                    \
          __FILE__, __LINE__,                                                    \
          ::jangada::internal::ShowBoth(#a " " #op " " #b, check_a_, check_b_)); \
  } while (0)

#define CHECK_EQ(a, b) JANGADA_CHECK_OP(a, b, ==)
#define CHECK_NE(a, b) JANGADA_CHECK_OP(a, b, !=)
#define CHECK_LT(a, b) JANGADA_CHECK_OP(a, b, <)
#define CHECK_LE(a, b) JANGADA_CHECK_OP(a, b, <=)
#define CHECK_GT(a, b) JANGADA_CHECK_OP(a, b, >)
#define CHECK_GE(a, b) JANGADA_CHECK_OP(a, b, >=)

#ifdef NDEBUG
#define DCHECK(condition) \
  do {                    \
  } while (0)
#else
#define DCHECK(condition) CHECK(condition)
#endif
