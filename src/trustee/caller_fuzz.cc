#include <cstdint>

#include "base/bytes.h"
#include "trustee/caller.h"

/// The URI of a certificate: a caller's name is never empty, is text, and comes from this trust domain alone.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  const std::string_view in(reinterpret_cast<const char*>(data), size);
  const auto caller = trustee::Caller::from_spiffe(in, "example.org");
  if (!caller) {
    HF_ASSERT(caller.error().slug == "caller.unknown");
    return 0;
  }
  HF_ASSERT(caller->kind != trustee::Caller::Kind::nobody && !caller->name.empty() && is_utf8(caller->name));
  HF_ASSERT(caller->name.find('\0') == std::string::npos);
  const bool party = caller->kind == trustee::Caller::Kind::party;
  HF_ASSERT(in.starts_with(party ? "spiffe://example.org/party/" : "spiffe://example.org/subject/"));
  return 0;
}
