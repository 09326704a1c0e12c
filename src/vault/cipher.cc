#include "vault/cipher.h"

#include <openssl/evp.h>
#include <pthread.h>

#include <atomic>
#include <climits>
#include <cstring>
#include <memory>

namespace holdfast::vault {
namespace {

struct ContextFree {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};

/// One context a thread, and the cipher looked up once: both cost more than sealing a small record.
EVP_CIPHER_CTX* thread_context() {
  thread_local const std::unique_ptr<EVP_CIPHER_CTX, ContextFree> context(EVP_CIPHER_CTX_new());
  HF_ASSERT(context);
  return context.get();
}

const EVP_CIPHER* aes_256_gcm() {
  static const EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  HF_ASSERT(cipher != nullptr);
  return cipher;
}

/// Wipes the key schedule, whichever way the call is left.
class WipedAfterUse {
 public:
  explicit WipedAfterUse(EVP_CIPHER_CTX* context) : context_(context) {}
  WipedAfterUse(const WipedAfterUse&) = delete;
  WipedAfterUse& operator=(const WipedAfterUse&) = delete;
  ~WipedAfterUse() { EVP_CIPHER_CTX_reset(context_); }

 private:
  EVP_CIPHER_CTX* context_;
};

const unsigned char* in(ByteView bytes) { return reinterpret_cast<const unsigned char*>(bytes.data()); }
unsigned char* at(Bytes& bytes, std::size_t offset) { return reinterpret_cast<unsigned char*>(bytes.data()) + offset; }

int length(ByteView bytes) {
  HF_ASSERT(bytes.size() <= INT_MAX);
  return static_cast<int>(bytes.size());
}

class NonceSource {
 public:
  NonceSource() {
    start_anew();
    // A child would go on counting where its parent does.
    HF_ASSERT(pthread_atfork(nullptr, nullptr, [] { source().start_anew(); }) == 0);
  }
  static NonceSource& source() {
    static NonceSource only;
    return only;
  }

  Nonce next() {
    const std::uint64_t count = count_.fetch_add(1, std::memory_order_relaxed);
    const std::uint64_t high = start_.load(std::memory_order_relaxed) + (count >> 32);
    const auto low = static_cast<std::uint32_t>(count);
    Nonce out;
    std::memcpy(out.data(), &high, sizeof high);
    std::memcpy(out.data() + sizeof high, &low, sizeof low);
    return out;
  }

 private:
  void start_anew() {
    std::uint64_t start;
    random_bytes(&start, sizeof start);
    start_ = start;
  }

  std::atomic<std::uint64_t> start_{0}, count_{0};
};

}  // namespace

Nonce next_nonce() {
  static NonceSource& source = NonceSource::source();
  return source.next();
}

void encrypt(const Key256& key, const Nonce& nonce, ByteView aad, ByteView plaintext, Bytes& out) {
  EVP_CIPHER_CTX* const context = thread_context();
  const WipedAfterUse wiped(context);
  const std::size_t begin = out.size();
  out.resize(begin + plaintext.size() + kTagBytes);
  int done = 0;
  bool fine = EVP_EncryptInit_ex2(context, aes_256_gcm(), in(key.view()), nonce.data(), nullptr) == 1;
  if (!aad.empty()) fine = fine && EVP_EncryptUpdate(context, nullptr, &done, in(aad), length(aad)) == 1;
  if (!plaintext.empty()) {
    fine = fine && EVP_EncryptUpdate(context, at(out, begin), &done, in(plaintext), length(plaintext)) == 1;
  }
  unsigned char* const tag = at(out, begin + plaintext.size());
  fine = fine && EVP_EncryptFinal_ex(context, tag, &done) == 1 &&
         EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, kTagBytes, tag) == 1;
  HF_ASSERT(fine);
}

bool decrypt(const Key256& key, const Nonce& nonce, ByteView aad, ByteView sealed, Bytes& out) {
  out.clear();
  if (sealed.size() < kTagBytes) return false;
  const ByteView ciphertext = sealed.substr(0, sealed.size() - kTagBytes);
  std::array<unsigned char, kTagBytes> tag;
  std::memcpy(tag.data(), sealed.data() + ciphertext.size(), kTagBytes);

  EVP_CIPHER_CTX* const context = thread_context();
  const WipedAfterUse wiped(context);
  out.resize(ciphertext.size());
  int done = 0;
  bool fine = EVP_DecryptInit_ex2(context, aes_256_gcm(), in(key.view()), nonce.data(), nullptr) == 1;
  if (!aad.empty()) fine = fine && EVP_DecryptUpdate(context, nullptr, &done, in(aad), length(aad)) == 1;
  if (!ciphertext.empty()) {
    fine = fine && EVP_DecryptUpdate(context, at(out, 0), &done, in(ciphertext), length(ciphertext)) == 1;
  }
  unsigned char none;
  fine = fine && EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, kTagBytes, tag.data()) == 1 &&
         EVP_DecryptFinal_ex(context, &none, &done) == 1;
  if (!fine) wipe(out);  // what was decrypted is not authentic
  return fine;
}

void seal(const Key256& key, ByteView aad, ByteView plaintext, Bytes& out) {
  const Nonce nonce = next_nonce();
  out.reserve(out.size() + plaintext.size() + kSealBytes);
  out.append(reinterpret_cast<const char*>(nonce.data()), nonce.size());
  encrypt(key, nonce, aad, plaintext, out);
}

bool unseal(const Key256& key, ByteView aad, ByteView sealed, Bytes& out) {
  out.clear();
  if (sealed.size() < kSealBytes) return false;
  Nonce nonce;
  std::memcpy(nonce.data(), sealed.data(), kNonceBytes);
  return decrypt(key, nonce, aad, sealed.substr(kNonceBytes), out);
}

}  // namespace holdfast::vault
