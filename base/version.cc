#include "base/version.h"

namespace jangada {

std::string_view Version() { return JANGADA_VERSION; }

}  // namespace jangada
