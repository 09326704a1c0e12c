#include "base/hash.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/sha.h>

#include <memory>

namespace holdfast {

Hash sha256(ByteView data) { return sha256({data}); }

// OpenSSL 3 marks the low-level SHA256_* calls deprecated in favour of EVP, whose set-up (that of SHA256() too) costs
// more than hashing one log entry does; they stay available, and are used in this one place.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
Hash sha256(std::initializer_list<ByteView> parts) {
  Hash out;
  SHA256_CTX context;
  SHA256_Init(&context);
  for (const ByteView part : parts) SHA256_Update(&context, part.data(), part.size());
  SHA256_Final(out.bytes.data(), &context);
  wipe(&context, sizeof context);
  return out;
}

struct Sha256::State {
  SHA256_CTX context;
};

Sha256::Sha256() : state_(std::make_unique<State>()) { SHA256_Init(&state_->context); }
Sha256::~Sha256() { wipe(state_.get(), sizeof *state_); }

Sha256& Sha256::add(ByteView part) {
  SHA256_Update(&state_->context, part.data(), part.size());
  return *this;
}

Hash Sha256::finish() {
  Hash out;
  SHA256_Final(out.bytes.data(), &state_->context);
  return out;
}
#pragma GCC diagnostic pop

Hash hmac_sha256(ByteView key, ByteView data) {
  // RFC 2104 over the SHA-256 above: EVP_MAC allocates and looks its algorithm up by name on every call.
  std::array<unsigned char, 64> inner{}, outer{};
  Hash shortened;
  if (key.size() > inner.size()) {
    shortened = sha256(key);
    key = shortened.view();
  }
  for (std::size_t i = 0; i < inner.size(); ++i) {
    const auto byte = static_cast<unsigned char>(i < key.size() ? key[i] : 0);
    inner[i] = byte ^ 0x36;
    outer[i] = byte ^ 0x5c;
  }
  const auto view = [](const auto& pad) { return ByteView(reinterpret_cast<const char*>(pad.data()), pad.size()); };
  const Hash first = sha256({view(inner), data});
  const Hash out = sha256({view(outer), first.view()});
  wipe(inner.data(), inner.size());
  wipe(outer.data(), outer.size());
  wipe(shortened.bytes.data(), Hash::kSize);
  return out;
}

Key256 derive_key(const Key256& key, std::string_view info) {
  const std::unique_ptr<EVP_KDF, decltype(&EVP_KDF_free)> kdf(EVP_KDF_fetch(nullptr, "HKDF", nullptr), EVP_KDF_free);
  const std::unique_ptr<EVP_KDF_CTX, decltype(&EVP_KDF_CTX_free)> context(EVP_KDF_CTX_new(kdf.get()), EVP_KDF_CTX_free);
  char digest[] = "SHA256";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, const_cast<char*>(key.view().data()), Key256::kSize),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, const_cast<char*>(info.data()), info.size()),
      OSSL_PARAM_construct_end()};
  Key256 out;
  HF_ASSERT(EVP_KDF_derive(context.get(), out.data(), Key256::kSize, parameters) == 1);
  return out;
}

}  // namespace holdfast
