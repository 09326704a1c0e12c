#include <cstdint>

#include "evidence/formats/checkpoint.h"

/// A proof is parsed only from the one spelling that it is encoded to, and never leads from an entry that is not there.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast::evidence;
  static const auto log =
      holdfast::VerifierKey::parse("log.example/ev+eba61471+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4").value();
  const std::string_view in(reinterpret_cast<const char*>(data), size);
  if (const auto proof = TlogProof::parse(in)) {
    HF_ASSERT(proof->encode() == in);
    HF_ASSERT(!proof->check("an entry that no log of this key holds", log));
  }
  return 0;
}
