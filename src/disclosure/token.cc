#include "disclosure/token.h"

#include "base/hash.h"
#include "disclosure/value.h"

namespace holdfast::disclosure {

void TokenKey::append(std::string& out, std::string_view category, agreement::FieldType type, ByteView encoded) const {
  constexpr std::size_t kept_bytes = 18;  // 144 bits: 24 characters without a remainder
  Bytes message;
  message.reserve(category.size() + encoded.size() + 4);
  put_sized(message, category);
  message += comparable(type, encoded);
  const Hash mac = hmac_sha256(key_.view(), message);
  wipe(message);
  out += "tok_";
  out += to_base64url(mac.view().substr(0, kept_bytes));
}

TokenKey TokenKeys::key_for(std::string_view recipient, std::string_view use) const {
  Bytes purpose = "holdfast token v1";
  put_sized(purpose, recipient);
  put_sized(purpose, use);
  return TokenKey(derive_key(root_, purpose));
}

}  // namespace holdfast::disclosure
