#include <cstdint>

#include "cli/workdir/certificates.h"

/// PEM files that a person names: certificate, or certificate and key of an authority, split at a NUL.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast::cli;
  const std::string_view in(reinterpret_cast<const char*>(data), size);
  if (const auto facts = read_certificate(in)) HF_ASSERT(facts->names.size() <= in.size());
  const std::size_t cut = in.find('\0');
  if (cut == std::string_view::npos) return 0;
  const auto authority = Authority::open({std::string(in.substr(0, cut)), std::string(in.substr(cut + 1))});
  if (authority) (void)authority->has_issued(in.substr(0, cut));
  return 0;
}
