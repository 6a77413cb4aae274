// Result<T> as outsiders know it (jangada/result.h), and for our own code TRY and TRY_ASSIGN, which
// hand an error on to the caller.
#pragma once

#include "base/check.h"
#include "jangada/result.h"

/// TRY(expression): returns the error to the caller, or goes on.
#define TRY(expression)                                                                 \
  do {                                                                                  \
    if (auto try_result_ = (expression); !try_result_.ok()) return try_result_.error(); \
  } while (0)

#define JANGADA_CONCAT_(a, b) a##b
#define JANGADA_CONCAT(a, b) JANGADA_CONCAT_(a, b)

/// TRY_ASSIGN(auto x, expression): x is the value, or the error goes to the caller.
#define TRY_ASSIGN(declaration, expression)                                                \
  auto JANGADA_CONCAT(try_, __LINE__) = (expression);                                      \
  if (!JANGADA_CONCAT(try_, __LINE__).ok()) return JANGADA_CONCAT(try_, __LINE__).error(); \
  declaration = std::move(JANGADA_CONCAT(try_, __LINE__)).value()
