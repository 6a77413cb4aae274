// Callback as outsiders know it: jangada/callback.h.
#pragma once

#include "base/check.h"
#include "jangada/callback.h"
