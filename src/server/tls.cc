#include "server/tls.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <optional>

#include "base/file.h"

namespace holdfast::server {
namespace {

using boost::asio::ssl::context;

struct Free {
  void operator()(X509* p) const { X509_free(p); }
  void operator()(GENERAL_NAMES* p) const { GENERAL_NAMES_free(p); }
};

std::string reason() {
  char text[256] = "";
  if (const unsigned long error = ERR_get_error()) ERR_error_string_n(error, text, sizeof text);
  ERR_clear_error();
  return *text ? text : "no reason given";
}

tl::unexpected<Error> wrong(std::string_view slug, const std::string& path, std::string_view what) {
  return fail(Code::invalid, slug, path, fmt::format("{}: {}", what, reason()));
}

/// SPIFFE wants exactly one URI in the certificate.
Result<std::string> only_uri(const X509* certificate) {
  const auto none = [] {
    return fail(Code::unauthenticated, "caller.unknown", "",
                "the client certificate must have exactly one URI, a SPIFFE ID");
  };
  const std::unique_ptr<GENERAL_NAMES, Free> names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  std::optional<std::string> uri;
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_URI) continue;
    if (uri) return none();
    const ASN1_IA5STRING* text = name->d.uniformResourceIdentifier;
    uri.emplace(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                static_cast<std::size_t>(ASN1_STRING_length(text)));
  }
  if (!uri) return none();
  return std::move(*uri);
}

std::time_t end_of(const X509* certificate) {
  std::tm at{};
  return ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &at) == 1 ? timegm(&at) : 0;
}

}  // namespace

Result<std::shared_ptr<context>> make_tls(const Config::Tls& files) {
  HF_CHECK(require_private(files.key));
  for (const std::string* path : {&files.certificate, &files.key, &files.client_ca}) HF_CHECK(require_no_pipe(*path));
  ERR_clear_error();
  auto out = std::make_shared<context>(context::tls_server);
  SSL_CTX* const tls = out->native_handle();
  SSL_CTX_set_min_proto_version(tls, TLS1_3_VERSION);
  if (SSL_CTX_use_certificate_chain_file(tls, files.certificate.c_str()) != 1) {
    return wrong("tls.certificate", files.certificate, "this certificate chain cannot be used");
  }
  if (SSL_CTX_use_PrivateKey_file(tls, files.key.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(tls) != 1) {
    return wrong("tls.key", files.key, "this private key cannot be used with the certificate");
  }
  STACK_OF(X509_NAME)* const authorities = SSL_load_client_CA_file(files.client_ca.c_str());
  if (!authorities || SSL_CTX_load_verify_file(tls, files.client_ca.c_str()) != 1) {
    sk_X509_NAME_pop_free(authorities, X509_NAME_free);
    return wrong("tls.client_ca", files.client_ca, "these client authorities cannot be used");
  }
  SSL_CTX_set_client_CA_list(tls, authorities);  // takes it
  SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, nullptr);
  // A resumed session keeps the certificate that it began with; a reload makes new ticket keys and so ends them all.
  static constexpr unsigned char kSessionContext[] = "holdfast";
  SSL_CTX_set_session_id_context(tls, kSessionContext, sizeof kSessionContext - 1);
  SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);  // stateless tickets only
  SSL_CTX_set_num_tickets(tls, 1);
  SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  return out;
}

std::time_t certificate_end(const context& tls) {
  const X509* const own = SSL_CTX_get0_certificate(const_cast<context&>(tls).native_handle());
  return own ? end_of(own) : 0;
}

Peer identify(const SSL* connection, std::string_view trust_domain) {
  const std::unique_ptr<X509, Free> certificate(SSL_get1_peer_certificate(connection));
  if (!certificate) return {trustee::Caller{}, 0};
  auto uri = only_uri(certificate.get());
  if (!uri) return {tl::unexpected<Error>(std::move(uri).error()), 0};
  return {trustee::Caller::from_spiffe(*uri, trust_domain), end_of(certificate.get())};
}

}  // namespace holdfast::server
