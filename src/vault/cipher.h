#pragma once

#include <array>

#include "base/bytes.h"
#include "base/secret.h"

namespace holdfast::vault {

inline constexpr std::size_t kNonceBytes = 12;
inline constexpr std::size_t kTagBytes = 16;
/// What sealing adds to a plaintext.
inline constexpr std::size_t kSealBytes = kNonceBytes + kTagBytes;
using Nonce = std::array<unsigned char, kNonceBytes>;

/// A nonce that was never given before: a random 64-bit start per process (and per child after a fork), followed by
/// a process-wide counter, so that neither threads, nor 2^32 calls, nor a restart from an old image meet one again.
/// Two starts come within reach of each other with odds of about 2^-62. Lock-free.
Nonce next_nonce();

/// AES-256-GCM (NIST SP 800-38D) under a fresh nonce. Appends nonce, ciphertext and tag to `out`. Thread-safe, as
/// all here; the key schedule is wiped before return.
void seal(const Key256& key, ByteView aad, ByteView plaintext, Bytes& out);
/// Replaces `out` by the plaintext; false, and nothing in `out`, unless key, aad and bytes are those of a seal.
[[nodiscard]] bool unseal(const Key256& key, ByteView aad, ByteView sealed, Bytes& out);

/// The two halves with a nonce of the caller's; for published vectors. `sealed` is ciphertext and tag.
void encrypt(const Key256& key, const Nonce& nonce, ByteView aad, ByteView plaintext, Bytes& out);
[[nodiscard]] bool decrypt(const Key256& key, const Nonce& nonce, ByteView aad, ByteView sealed, Bytes& out);

}  // namespace holdfast::vault
