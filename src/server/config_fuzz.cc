#include "server/config.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const auto config = holdfast::server::parse_config({reinterpret_cast<const char*>(data), size}, "/srv/holdfast.yaml");
  if (!config && config.error().where.empty()) __builtin_trap();  // whatever is wrong has a place
  return 0;
}
