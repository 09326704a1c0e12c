#include <cstdint>

#include "base/note.h"
#include "base/result.h"
#include "fuzz/memory_file.h"

/// A public key has one spelling. A private key's file is a key or an error that repeats nothing of it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  const std::string_view in(reinterpret_cast<const char*>(data), size);
  if (const auto key = VerifierKey::parse(in)) {
    HF_ASSERT(in.starts_with(key->text()));
    HF_ASSERT(VerifierKey::parse(key->text()).value() == *key);
  }
  const MemoryFile file(in);
  // No passphrase: opening a sealed key costs 64 MiB and its time on purpose, and what is sealed was made by us.
  const auto key = SigningKey::load(file.path());
  if (key) {
    HF_ASSERT(key->verifier().verifies("m", key->sign("m")));
  } else {
    HF_ASSERT(key.error().text().size() < 200);
  }
  return 0;
}
