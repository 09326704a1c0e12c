#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/note.h"
#include "sealed/provenance/source.h"

namespace holdfast::sealed {

/// What is said of a module when it is submitted: an in-toto statement v1, https://in-toto.io/Statement/v1.
inline constexpr std::string_view kStatementPredicate = "urn:holdfast:sealed-module:1";
inline constexpr std::string_view kStatementMediaType = "application/vnd.in-toto+json";
inline constexpr std::size_t kEnvelopeBytesMax = 256u << 10;
inline constexpr std::size_t kEnvelopeSignaturesMax = 64;

struct ModuleStatement {
  std::string name;  ///< as a flow's `run` names it: a-z, 0-9 and '-', 1 to 64
  Hash module;       ///< SHA-256 of the file
  /// Numbers the releases of the name from 1, ever upward, so that an old statement cannot release an old module again.
  std::uint32_t version = 1;
  SourceCommitment source;
  std::string builder;             ///< who built it, and where
  std::string compiler;            ///< "Debian clang version 14.0.6"
  std::vector<std::string> flags;  ///< what the compiler was given
  bool operator==(const ModuleStatement&) const = default;
};

/// Errors: invalid "sealed.statement.malformed": texts that are empty, no plain line (base/plain.h), or of more than
/// 4096 bytes; more than 256 flags; a name that is none.
Result<std::string> to_json(const ModuleStatement& statement);
/// Errors: as to_json, and for any JSON that is not such a statement. Members that it does not know are an error.
Result<ModuleStatement> parse_statement(std::string_view json);

/// "name+hhhhhhhh": a verifier key's text without its last part.
std::string key_id_of(const VerifierKey& key);

struct EnvelopeSignature {
  std::string key_id;  ///< key_id_of
  Bytes signature;     ///< Ed25519, 64 bytes
  bool operator==(const EnvelopeSignature&) const = default;
};

/// A DSSE envelope around a statement: https://github.com/secure-systems-lab/dsse/blob/master/envelope.md
struct Envelope {
  std::string payload;  ///< the statement's exact bytes
  std::vector<EnvelopeSignature> signatures;

  /// Errors: invalid "sealed.envelope.malformed" (bounds above, media type). Signatures are not checked.
  static Result<Envelope> parse(std::string_view json);
  std::string encode() const;
  /// Replaces an earlier signature by the same key.
  void sign(const SigningKey& key);
  /// Indexes into `keys` whose signature stands and holds. A signature by a known key that does not hold is an error
  /// (invalid "sealed.signature.wrong"); those of unknown keys are passed over.
  Result<std::vector<std::size_t>> verify(std::span<const VerifierKey> keys) const;
};

}  // namespace holdfast::sealed
