#include <array>
#include <cstdint>

#include "base/note.h"
#include "base/result.h"

/// A note that is read comes back by its own spelling; no key's signature is found that the key did not make.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  static const std::array keys{
      VerifierKey::parse("log.example/ev+eba61471+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4").value()};
  const std::string_view in(reinterpret_cast<const char*>(data), size);
  const auto note = Note::parse(in);
  if (!note) {
    HF_ASSERT(note.error().slug == "note.malformed" && !note.error().what.empty());
    return 0;
  }
  HF_ASSERT(note->text.ends_with('\n') && in.starts_with(note->text));
  HF_ASSERT(note->signatures.size() <= kNoteSignaturesMax);
  const auto again = Note::parse(note->encode());
  HF_ASSERT(again && again->text == note->text && again->signatures == note->signatures);
  (void)note->verify(keys).has_value();
  return 0;
}
