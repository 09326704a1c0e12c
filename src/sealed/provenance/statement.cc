#include "sealed/provenance/statement.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <limits>

#include "base/plain.h"
#include "sealed/provenance/json_members.h"

namespace holdfast::sealed {
namespace {

namespace json = boost::json;

constexpr std::size_t kTextBytesMax = 4096, kFlagsMax = 256;

/// What is signed: DSSE's pre-authentication encoding, version 1.
std::string signed_bytes(std::string_view payload) {
  return fmt::format("DSSEv1 {} {} {} {}", kStatementMediaType.size(), kStatementMediaType, payload.size(), payload);
}

bool is_plain(std::string_view text) { return !text.empty() && text.size() <= kTextBytesMax && is_plain_line(text); }

bool is_module_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && name.front() >= 'a' && name.front() <= 'z' &&
         std::ranges::all_of(name, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
}

tl::unexpected<Error> bad_statement(std::string where, std::string what) {
  return fail(Code::invalid, "sealed.statement.malformed", std::move(where), std::move(what));
}
tl::unexpected<Error> bad_envelope(std::string what) {
  return fail(Code::invalid, "sealed.envelope.malformed", "", std::move(what));
}

Result<void> check(const ModuleStatement& statement) {
  if (!is_module_name(statement.name)) {
    return bad_statement("subject.name", "a module's name has a-z, 0-9 and '-', begins with a letter, has at most 64");
  }
  if (statement.version == 0) return bad_statement("predicate.version", "expected a number from 1");
  if (statement.source.files == 0 || statement.source.files > kSourceFilesMax) {
    return bad_statement("predicate.source.files", "expected 1 to 1000000 files");
  }
  if (!is_plain(statement.builder)) return bad_statement("predicate.builder", "expected a line of text, 4096 bytes");
  if (!is_plain(statement.compiler)) return bad_statement("predicate.compiler", "expected a line of text, 4096 bytes");
  if (statement.flags.size() > kFlagsMax || !std::ranges::all_of(statement.flags, is_plain)) {
    return bad_statement("predicate.flags", "expected at most 256 lines of text, 4096 bytes each");
  }
  return {};
}

std::string hex(const Hash& hash) { return to_hex(hash.view()); }

}  // namespace

std::string key_id_of(const VerifierKey& key) { return fmt::format("{}+{:08x}", key.name(), key.id()); }

Result<std::string> to_json(const ModuleStatement& statement) {
  HF_CHECK(check(statement));
  return json::serialize(
      json::object{{"_type", "https://in-toto.io/Statement/v1"},
                   {"subject", json::array{json::object{{"name", statement.name},
                                                        {"digest", json::object{{"sha256", hex(statement.module)}}}}}},
                   {"predicateType", std::string(kStatementPredicate)},
                   {"predicate", json::object{{"version", statement.version},
                                              {"source", json::object{{"algorithm", std::string(kSourceAlgorithm)},
                                                                      {"root", hex(statement.source.root)},
                                                                      {"files", statement.source.files}}},
                                              {"builder", statement.builder},
                                              {"compiler", statement.compiler},
                                              {"flags", json::value_from(statement.flags)}}}});
}

Result<ModuleStatement> parse_statement(std::string_view text) {
  const auto document = text.size() <= kEnvelopeBytesMax ? parse_json(text) : std::nullopt;
  if (!document) return bad_statement("", "the statement is no JSON, or too long");
  ModuleStatement out;
  Members top(&*document);
  const bool types =
      top.text("_type") == "https://in-toto.io/Statement/v1" && top.text("predicateType") == kStatementPredicate;
  const json::array* subjects = top.list("subject");
  Members predicate(top.at("predicate"));
  if (!types || !top.done() || subjects->size() != 1) {
    return bad_statement(
        "", fmt::format("expected an in-toto statement v1 of one subject with predicate {}", kStatementPredicate));
  }
  Members subject(&subjects->front());
  out.name = subject.text("name");
  Members digest(subject.at("digest"));
  out.module = digest.hash("sha256");
  if (!subject.done() || !digest.done()) return bad_statement("subject", "expected {name, digest: {sha256}}");
  const std::uint64_t version = predicate.number("version");
  out.version = version <= std::numeric_limits<std::uint32_t>::max() ? static_cast<std::uint32_t>(version) : 0;
  Members source(predicate.at("source"));
  const bool algorithm = source.text("algorithm") == kSourceAlgorithm;
  out.source.root = source.hash("root");
  out.source.files = source.number("files");
  if (!algorithm || !source.done()) {
    return bad_statement("predicate.source", fmt::format("expected {{algorithm: {}, root, files}}", kSourceAlgorithm));
  }
  out.builder = predicate.text("builder");
  out.compiler = predicate.text("compiler");
  const json::array* flags = predicate.list("flags");
  if (!predicate.done()) return bad_statement("predicate", "expected {version, source, builder, compiler, flags}");
  for (const json::value& flag : *flags) {
    if (!flag.is_string()) return bad_statement("predicate.flags", "expected texts");
    out.flags.emplace_back(flag.get_string().data(), flag.get_string().size());
  }
  HF_CHECK(check(out));
  return out;
}

Result<Envelope> Envelope::parse(std::string_view text) {
  if (text.size() > kEnvelopeBytesMax) return bad_envelope("the envelope has more than 256 KiB");
  const auto document = parse_json(text);
  if (!document) return bad_envelope("the envelope is no JSON");
  Members top(&*document);
  const std::string type = top.text("payloadType"), payload = top.text("payload");
  const json::array* signatures = top.list("signatures");
  if (!top.done()) return bad_envelope("expected {payloadType, payload, signatures}");
  if (type != kStatementMediaType)
    return bad_envelope(fmt::format("expected the payload type {}", kStatementMediaType));
  auto raw = from_base64(payload);
  if (!raw) return bad_envelope("the payload is no base64 (RFC 4648, padded)");
  if (signatures->size() > kEnvelopeSignaturesMax) return bad_envelope("more than 64 signatures");
  Envelope out{std::move(*raw), {}};
  for (const json::value& each : *signatures) {
    Members members(&each);
    std::string key_id = members.text("keyid");
    auto signature = from_base64(members.text("sig"));
    if (!members.done() || !signature || signature->size() != 64 || !is_plain(key_id)) {
      return bad_envelope("expected each signature as {keyid, sig}, 64 bytes in base64");
    }
    if (std::ranges::find(out.signatures, key_id, &EnvelopeSignature::key_id) != out.signatures.end()) {
      return bad_envelope("two signatures by one key");
    }
    out.signatures.push_back({std::move(key_id), std::move(*signature)});
  }
  return out;
}

std::string Envelope::encode() const {
  json::array list;
  for (const EnvelopeSignature& each : signatures) {
    list.push_back(json::object{{"keyid", each.key_id}, {"sig", to_base64(each.signature)}});
  }
  return json::serialize(json::object{{"payloadType", std::string(kStatementMediaType)},
                                      {"payload", to_base64(payload)},
                                      {"signatures", std::move(list)}});
}

void Envelope::sign(const SigningKey& key) {
  const std::string id = key_id_of(key.verifier());
  std::erase_if(signatures, [&](const EnvelopeSignature& each) { return each.key_id == id; });
  signatures.push_back({id, key.sign(signed_bytes(payload))});
}

Result<std::vector<std::size_t>> Envelope::verify(std::span<const VerifierKey> keys) const {
  std::vector<std::size_t> out;
  const std::string message = signed_bytes(payload);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const auto found = std::ranges::find(signatures, key_id_of(keys[i]), &EnvelopeSignature::key_id);
    if (found == signatures.end()) continue;
    if (!keys[i].verifies(message, found->signature)) {
      return fail(Code::invalid, "sealed.signature.wrong", keys[i].name(),
                  "the signature does not hold: the statement is not what was signed");
    }
    out.push_back(i);
  }
  return out;
}

}  // namespace holdfast::sealed
