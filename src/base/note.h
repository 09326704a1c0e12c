#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace holdfast {

/// C2SP signed-note v1 with Ed25519 (algorithm 0x01). https://c2sp.org/signed-note
inline constexpr std::size_t kNoteBytesMax = 4u << 20;
inline constexpr std::size_t kNoteSignaturesMax = 64;

/// A public key with a name: "name+hhhhhhhh+base64(0x01 || key)".
class VerifierKey {
 public:
  /// invalid: "note.key.malformed" and why.
  static Result<VerifierKey> parse(std::string_view text);
  const std::string& name() const { return name_; }
  std::uint32_t id() const { return id_; }
  /// The spelling that parse takes.
  std::string text() const;
  /// Does `signature` (64 bytes) hold over `message`?
  bool verifies(ByteView message, ByteView signature) const;
  bool operator==(const VerifierKey&) const = default;

 private:
  friend class SigningKey;
  std::string name_;
  std::uint32_t id_ = 0;
  std::array<unsigned char, 32> key_{};
};

/// A private key. Its bytes are locked in memory and zeroed.
class SigningKey {
 public:
  /// invalid if `name` is empty or has spaces or '+'.
  static Result<SigningKey> generate(std::string name);
  static Result<SigningKey> from_seed(std::string name, ByteView seed32);
  /// Reads a key file: mode 0600 or stricter, else refused ("key.file.wide").
  /// `passphrase` is asked for only if the file needs one (Argon2id, XSalsa20-Poly1305).
  static Result<SigningKey> load(const std::string& path, std::string_view passphrase = {});
  /// Writes a new file of mode 0600; never overwrites ("key.file.exists"). Empty passphrase: plain,
  /// in the form PRIVATE+KEY+name+hhhhhhhh+base64(0x01 || seed) that Go's note package reads.
  Result<void> save(const std::string& path, std::string_view passphrase = {}) const;
  /// Does the file at `path` need a passphrase?
  static Result<bool> is_encrypted(const std::string& path);

  const VerifierKey& verifier() const { return verifier_; }
  /// Ed25519 over `message`, 64 bytes.
  Bytes sign(ByteView message) const;

  SigningKey(SigningKey&&) noexcept;
  SigningKey& operator=(SigningKey&&) noexcept;
  ~SigningKey();

 private:
  SigningKey();
  VerifierKey verifier_;
  struct Sealed;
  std::unique_ptr<Sealed> secret_;
};

struct NoteSignature {
  std::string name;
  std::uint32_t key_id = 0;
  Bytes signature;  ///< what follows the key id; 64 bytes for Ed25519
  bool operator==(const NoteSignature&) const = default;
};

/// A text with signature lines beneath.
struct Note {
  std::string text;  ///< ends in LF
  std::vector<NoteSignature> signatures;

  /// invalid: "note.malformed". Bounded by kNoteBytesMax and kNoteSignaturesMax. Signatures are not checked.
  static Result<Note> parse(std::string_view whole);
  /// A note without signatures; invalid if `text` is not UTF-8, has control characters, or does not end in LF.
  static Result<Note> create(std::string text);
  /// Replaces an earlier signature by the same key.
  void sign(const SigningKey& key);
  std::string encode() const;
  /// Indexes into `keys` whose signature stands and holds. A line of a known key that does not hold is an
  /// error ("note.signature.wrong"); lines of unknown keys are passed over.
  Result<std::vector<std::size_t>> verify(std::span<const VerifierKey> keys) const;
};

}  // namespace holdfast
