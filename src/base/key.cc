// Verifier and signing keys of C2SP signed notes; the note itself is in note.cc.
#include <fcntl.h>
#include <sodium.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/file.h"
#include "base/hash.h"
#include "base/note.h"

namespace holdfast {
namespace {

constexpr char kEd25519 = 0x01;
constexpr std::string_view kPlainPrefix = "PRIVATE+KEY+";
constexpr std::string_view kSealedPrefix = "HOLDFAST+SEALED+KEY+";
constexpr std::size_t kSeedBytes = crypto_sign_SEEDBYTES;

const unsigned char* raw_of(ByteView view) { return reinterpret_cast<const unsigned char*>(view.data()); }

/// Lower 32 bits of what names a key: SHA256(name || LF || type || key)[0:4], big-endian.
std::uint32_t key_id(std::string_view name, ByteView typed_key) {
  const Hash hash = sha256({name, "\n", typed_key});
  return ByteReader(hash.view()).u32();
}

bool is_key_name(std::string_view name) {
  if (name.empty() || name.size() > 200 || !is_utf8(name)) return false;
  for (const char c : name) {
    if (static_cast<unsigned char>(c) <= 0x20 || c == '+' || c == 0x7f) return false;
  }
  // The Unicode spaces that the note format forbids beside U+0020.
  for (const std::string_view space :
       {"\u0085", "\u00a0", "\u1680", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000"}) {
    if (name.find(space) != std::string_view::npos) return false;
  }
  for (std::size_t at = name.find("\xe2\x80"); at != std::string_view::npos; at = name.find("\xe2\x80", at + 1)) {
    if (at + 2 < name.size() && static_cast<unsigned char>(name[at + 2]) <= 0x8a) return false;  // U+2000..U+200A
  }
  return true;
}

std::string id_hex(std::uint32_t id) {
  Bytes raw;
  put_u32(raw, id);
  return to_hex(raw);
}

struct KeyText {
  std::string name, id;
  Bytes payload;
};

/// "name+hhhhhhhh+base64".
std::optional<KeyText> split_key(std::string_view text) {
  const std::size_t first = text.find('+');
  const std::size_t second = first == std::string_view::npos ? first : text.find('+', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  auto payload = from_base64(text.substr(second + 1));
  if (!payload) return std::nullopt;
  return KeyText{std::string(text.substr(0, first)), std::string(text.substr(first + 1, second - first - 1)),
                 std::move(*payload)};
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) text.remove_suffix(1);
  return text;
}

}  // namespace

struct SigningKey::Sealed {
  unsigned char seed[kSeedBytes] = {};
  unsigned char secret[crypto_sign_SECRETKEYBYTES] = {};
  Sealed() { sodium_mlock(this, sizeof *this); }
  ~Sealed() { sodium_munlock(this, sizeof *this); }  // zeroes as well
  Sealed(const Sealed&) = delete;
  Sealed& operator=(const Sealed&) = delete;
};

SigningKey::SigningKey() : secret_(std::make_unique<Sealed>()) {}
SigningKey::SigningKey(SigningKey&&) noexcept = default;
SigningKey& SigningKey::operator=(SigningKey&&) noexcept = default;
SigningKey::~SigningKey() = default;

Result<VerifierKey> VerifierKey::parse(std::string_view text) {
  text = trimmed(text);
  const auto parts = split_key(text);
  if (!parts || !is_key_name(parts->name)) {
    return fail(Code::invalid, "note.key.malformed", "", "a verifier key is written name+hhhhhhhh+base64");
  }
  if (parts->payload.size() != 33 || parts->payload[0] != kEd25519) {
    return fail(Code::invalid, "note.key.algorithm", "", "only Ed25519 verifier keys (type 0x01, 32 bytes) are known");
  }
  VerifierKey out;
  out.name_ = parts->name;
  out.id_ = key_id(parts->name, parts->payload);
  if (parts->id != id_hex(out.id_)) {
    return fail(Code::invalid, "note.key.id", "", "the key id does not belong to this name and key; copy it whole");
  }
  std::memcpy(out.key_.data(), parts->payload.data() + 1, out.key_.size());
  return out;
}

std::string VerifierKey::text() const {
  Bytes typed(1, kEd25519);
  typed.append(reinterpret_cast<const char*>(key_.data()), key_.size());
  return name_ + "+" + id_hex(id_) + "+" + to_base64(typed);
}

bool VerifierKey::verifies(ByteView message, ByteView signature) const {
  return signature.size() == crypto_sign_BYTES &&
         crypto_sign_verify_detached(raw_of(signature), raw_of(message), message.size(), key_.data()) == 0;
}

Result<SigningKey> SigningKey::from_seed(std::string name, ByteView seed32) {
  if (!is_key_name(name)) {
    return fail(Code::invalid, "note.key.name", name, "a key's name is not empty and has neither spaces nor '+'");
  }
  if (seed32.size() != kSeedBytes) return fail(Code::invalid, "note.key.malformed", "", "an Ed25519 seed is 32 bytes");
  SigningKey out;
  std::memcpy(out.secret_->seed, seed32.data(), kSeedBytes);
  crypto_sign_seed_keypair(out.verifier_.key_.data(), out.secret_->secret, out.secret_->seed);
  Bytes typed(1, kEd25519);
  typed.append(reinterpret_cast<const char*>(out.verifier_.key_.data()), out.verifier_.key_.size());
  out.verifier_.id_ = key_id(name, typed);
  out.verifier_.name_ = std::move(name);
  return out;
}

Result<SigningKey> SigningKey::generate(std::string name) {
  Bytes seed = random_bytes(kSeedBytes);
  auto out = from_seed(std::move(name), seed);
  wipe(seed);
  return out;
}

Bytes SigningKey::sign(ByteView message) const {
  Bytes out(crypto_sign_BYTES, '\0');
  crypto_sign_detached(reinterpret_cast<unsigned char*>(out.data()), nullptr, raw_of(message), message.size(),
                       secret_->secret);
  return out;
}

namespace {

/// Key-encryption key of a passphrase: Argon2id with libsodium's interactive limits (RFC 9106).
Result<Key256> stretch(std::string_view passphrase, ByteView salt) {
  Key256 out;
  if (crypto_pwhash(out.data(), Key256::kSize, passphrase.data(), passphrase.size(), raw_of(salt),
                    crypto_pwhash_OPSLIMIT_MODERATE, crypto_pwhash_MEMLIMIT_INTERACTIVE,
                    crypto_pwhash_ALG_ARGON2ID13) != 0) {
    return fail(Code::unavailable, "key.memory", "", "64 MiB of memory are needed to open a key with a passphrase");
  }
  return out;
}

}  // namespace

Result<void> SigningKey::save(const std::string& path, std::string_view passphrase) const {
  Bytes payload(1, kEd25519);
  payload.append(reinterpret_cast<const char*>(secret_->seed), kSeedBytes);
  std::string_view prefix = kPlainPrefix;
  if (!passphrase.empty()) {
    prefix = kSealedPrefix;
    Bytes sealed = random_bytes(crypto_pwhash_SALTBYTES + crypto_secretbox_NONCEBYTES);
    HF_TRY(const Key256 key, stretch(passphrase, ByteView(sealed).substr(0, crypto_pwhash_SALTBYTES)));
    Bytes box(payload.size() + crypto_secretbox_MACBYTES, '\0');
    crypto_secretbox_easy(reinterpret_cast<unsigned char*>(box.data()), raw_of(payload), payload.size(),
                          raw_of(ByteView(sealed).substr(crypto_pwhash_SALTBYTES)), raw_of(key.view()));
    wipe(payload);
    payload = sealed + box;
  }
  std::string text;
  text.append(prefix).append(verifier_.name()).append("+").append(id_hex(verifier_.id())).append("+");
  text += to_base64(payload) + "\n";
  wipe(payload);
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) {
    wipe(text);
    if (errno == EEXIST) {
      return fail(Code::conflict, "key.file.exists", path, "there is a file already; a key is never overwritten");
    }
    return fail(Code::unavailable, "file.io", path, std::string("cannot write: ") + std::strerror(errno));
  }
  const bool whole = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fsync(fd) == 0;
  ::close(fd);
  wipe(text);
  if (!whole) return fail(Code::unavailable, "file.io", path, "the key could not be written whole; is the disk full?");
  return {};
}

Result<bool> SigningKey::is_encrypted(const std::string& path) {
  HF_TRY(std::string text, read_file(path, 4096));
  const bool sealed = text.starts_with(kSealedPrefix);
  wipe(text);
  return sealed;
}

Result<SigningKey> SigningKey::load(const std::string& path, std::string_view passphrase) {
  HF_TRY(std::string text, read_file(path, 4096));
  const bool sealed = text.starts_with(kSealedPrefix);
  if (!sealed && !text.starts_with(kPlainPrefix)) {
    const bool is_public = VerifierKey::parse(trimmed(text)).has_value();
    wipe(text);
    return fail(Code::invalid, "key.file.malformed", path,
                is_public ? "this is the public half of a key; give the file with the private one"
                          : "not a private key; holdfast key new makes one");
  }
  if (auto narrow = require_private(path); !narrow) {
    wipe(text);
    return tl::unexpected<Error>(std::move(narrow).error());
  }
  auto parts = split_key(trimmed(text).substr(sealed ? kSealedPrefix.size() : kPlainPrefix.size()));
  wipe(text);
  if (!parts) return fail(Code::invalid, "key.file.malformed", path, "the key file is damaged; restore it");
  if (sealed) {
    if (passphrase.empty()) {
      return fail(Code::invalid, "key.passphrase.missing", path, "this key needs its passphrase (HOLDFAST_PASSPHRASE)");
    }
    constexpr std::size_t head = crypto_pwhash_SALTBYTES + crypto_secretbox_NONCEBYTES;
    const ByteView payload = parts->payload;
    if (payload.size() != head + crypto_secretbox_MACBYTES + 1 + kSeedBytes) {
      return fail(Code::invalid, "key.file.malformed", path, "the key file is damaged; restore it");
    }
    HF_TRY(const Key256 key, stretch(passphrase, payload.substr(0, crypto_pwhash_SALTBYTES)));
    Bytes opened(1 + kSeedBytes, '\0');
    if (crypto_secretbox_open_easy(reinterpret_cast<unsigned char*>(opened.data()), raw_of(payload.substr(head)),
                                   payload.size() - head, raw_of(payload.substr(crypto_pwhash_SALTBYTES)),
                                   raw_of(key.view())) != 0) {
      return fail(Code::invalid, "key.passphrase.wrong", path, "the passphrase does not open this key");
    }
    parts->payload = std::move(opened);
  }
  if (parts->payload.size() != 1 + kSeedBytes || parts->payload[0] != kEd25519) {
    wipe(parts->payload);
    return fail(Code::invalid, "key.file.malformed", path, "not an Ed25519 private key");
  }
  auto out = from_seed(parts->name, ByteView(parts->payload).substr(1));
  wipe(parts->payload);
  // No part of the file is repeated, whatever it says that it is.
  if (!out) return fail(Code::invalid, "key.file.malformed", path, "the key's name is empty or has spaces");
  if (id_hex(out->verifier().id()) != parts->id) {
    return fail(Code::invalid, "key.file.malformed", path, "the key id does not belong to this name and key");
  }
  return out;
}

}  // namespace holdfast
