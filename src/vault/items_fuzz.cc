#include <cstdint>

#include "base/result.h"
#include "vault/cipher.h"
#include "vault/items.h"

/// What lies in a locker, damaged anyhow: headers are read or refused, nothing unseals that was not sealed for its
/// place, and each error names the place. The first byte is the length of the item's key.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace holdfast;
  using namespace holdfast::vault;
  if (size == 0) return 0;
  static const Key256 key = Key256::from(std::string(32, 'k')).value();
  const LockerId locker = LockerId::from(std::string(LockerId::kSize, 'l')).value();
  const ByteView rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  const ByteView item_key = rest.substr(0, data[0] % 40);
  const ByteView value = rest.substr(item_key.size());
  const auto told = [&](const auto& result) {
    HF_ASSERT(result || (result.error().code == Code::corrupt && result.error().where == place(locker, item_key)));
  };
  if (!item_key.empty()) (void)collection_of(item_key);
  told(read_record_header(locker, item_key, value));
  told(read_answer_created(locker, item_key, value));
  if (!item_key.empty()) {
    told(read_chunk_header(locker, item_key, value));
    told(unseal_chunk(key, locker, item_key, value));
  }
  HF_ASSERT(!unseal_record(key, locker, item_key, value));
  HF_ASSERT(!unseal_answer(key, locker, item_key, value));

  // Sealed by us, then one byte changed: never read.
  const RecordHeader header{1, 2};
  Bytes sealed = seal_record(key, locker, 7, header, value);
  HF_ASSERT(unseal_record(key, locker, record_item(7), sealed).value() == value);
  HF_ASSERT(!unseal_record(key, locker, record_item(8), sealed));
  char& byte = sealed[data[0] % sealed.size()];
  byte = static_cast<char>(byte ^ 1);
  HF_ASSERT(!unseal_record(key, locker, record_item(7), sealed));
  return 0;
}
