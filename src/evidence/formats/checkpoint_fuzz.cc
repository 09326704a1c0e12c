#include <cstdint>

#include "evidence/formats/checkpoint.h"

/// A checkpoint's three lines come back; a note opens only when the key of the specification's example signed it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast::evidence;
  static const auto log =
      holdfast::VerifierKey::parse("log.example/ev+eba61471+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4").value();
  const std::string_view in(reinterpret_cast<const char*>(data), size);
  if (const auto checkpoint = Checkpoint::parse(in)) {
    HF_ASSERT(in.starts_with(checkpoint->text()));
    HF_ASSERT(Checkpoint::parse(checkpoint->text()).value() == *checkpoint);
  }
  if (const auto opened = open_checkpoint(in, log)) HF_ASSERT(opened->origin == log.name());
  return 0;
}
