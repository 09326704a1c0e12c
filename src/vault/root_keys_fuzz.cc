#include <cstdint>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/result.h"
#include "fuzz/memory_file.h"
#include "vault/root_keys.h"

/// The first byte says what the rest is: a file of root keys, or a wrapped key as it may lie in a damaged store.
/// What a file's keys wrap they unwrap; nothing else unwraps.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] & 1) {
    const MemoryFile file(rest);
    const auto keys = vault::FileRootKeys::load(file.path());
    if (!keys) return 0;
    HF_ASSERT(!(*keys)->ids().empty());
    const auto wrapped = (*keys)->wrap("secret", "here");
    HF_ASSERT(wrapped && (*keys)->unwrap(*wrapped, "here").value() == "secret");
    HF_ASSERT(!(*keys)->unwrap(*wrapped, "elsewhere"));
  } else {
    static const auto keys = [] {
      static const MemoryFile file([] {
        const Hash mac = hmac_sha256(Bytes(32, '\0'), "holdfast root key id");
        return "holdfast root keys 1\n" + to_hex(mac.view().substr(0, vault::RootKeyId::kSize)) + " " +
               to_base64(Bytes(32, '\0')) + "\n";
      }());
      return vault::FileRootKeys::load(file.path()).value();
    }();
    HF_ASSERT(!keys->unwrap(rest, "here"));
  }
  return 0;
}
