#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace holdfast::cli {

/// "spiffe://<trust domain>/party/<name>": how a certificate names a party to the server.
std::string spiffe_party(std::string_view trust_domain, std::string_view party);
/// "spiffe://<trust domain>/subject/<id, percent-encoded>".
std::string spiffe_subject(std::string_view trust_domain, std::string_view subject_id);
/// All but unreserved characters (RFC 3986 §2.3) as %XX.
std::string percent_encode(std::string_view text);

/// Names that a certificate may bear. Errors: invalid "certificate.party", for a name that no agreement's party can
/// have; "certificate.subject", for what the server takes for no subject's id; "certificate.host", for what is neither
/// a DNS name nor an IP address; "certificate.trust-domain" (SPIFFE ID §2.1).
Result<void> check_party(std::string_view name);
Result<void> check_subject(std::string_view id);
Result<void> check_host(std::string_view host);
Result<void> check_trust_domain(std::string_view name);

/// The name of a caller's files in clients/: the party's name, or "subject-<id, percent-encoded>". Of an id that is too
/// long for a file's name its SHA-256 stands there.
std::string subject_profile(std::string_view subject_id);

/// A certificate and its private key, both PEM.
struct PemPair {
  std::string certificate, key;
};

/// What a certificate is to say.
struct CertificateWish {
  std::string common_name;         ///< for people; nothing is decided by it
  std::string uri;                 ///< SPIFFE id; empty for a server
  std::vector<std::string> hosts;  ///< of a server: DNS names and IP addresses
  int days = 365;
};

/// The certificate authority of a working directory: X.509 v3, EC P-256, signed with SHA-256. OpenSSL is used here
/// only.
class Authority {
 public:
  /// A new self-signed authority that may sign end certificates only.
  static Result<PemPair> create(const std::string& common_name, int days);
  /// Errors: invalid "certificate.malformed" (no PEM, or key and certificate do not belong together).
  static Result<Authority> open(const PemPair& pem);
  /// A new key and a certificate for it: for a client when `wish.uri` is set, for a server otherwise.
  /// Errors: invalid "certificate.host".
  Result<PemPair> issue(const CertificateWish& wish) const;
  /// Does this authority's signature stand under the certificate `pem`?
  bool has_issued(std::string_view pem) const;

  Authority(Authority&&) noexcept;
  Authority& operator=(Authority&&) noexcept;
  ~Authority();

 private:
  struct Impl;
  explicit Authority(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// What a certificate says, for `doctor` and tests.
struct CertificateFacts {
  std::string common_name;
  std::vector<std::string> names;  ///< URIs, DNS names and IP addresses of the SAN
  UnixMillis not_before = 0, not_after = 0;
};
Result<CertificateFacts> read_certificate(std::string_view pem);

}  // namespace holdfast::cli
