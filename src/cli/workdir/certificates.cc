#include "cli/workdir/certificates.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <ctime>

#include "agreement/findings.h"
#include "agreement/spelling.h"
#include "base/hash.h"
#include "base/secret.h"
#include "vault/vault.h"

namespace holdfast::cli {
namespace {

template <auto Free>
struct Freer {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};
using BioPtr = std::unique_ptr<BIO, Freer<BIO_free_all>>;
using PkeyPtr = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using CertPtr = std::unique_ptr<X509, Freer<X509_free>>;
using NamesPtr = std::unique_ptr<GENERAL_NAMES, Freer<GENERAL_NAMES_free>>;
using ExtensionPtr = std::unique_ptr<X509_EXTENSION, Freer<X509_EXTENSION_free>>;

constexpr long kSecondsPerDay = 86400;
constexpr std::size_t kHostBytesMax = 253;         ///< RFC 1035 §2.3.4
constexpr std::size_t kTrustDomainBytesMax = 255;  ///< SPIFFE ID §2.1
constexpr std::size_t kProfileBytesMax = 200;      ///< a file's name has 255, and the files get endings
constexpr std::string_view kHostCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._*:";

tl::unexpected<Error> library_error(std::string doing) {
  std::array<char, 256> text{};
  ERR_error_string_n(ERR_get_error(), text.data(), text.size());
  ERR_clear_error();
  return fail(Code::internal, "certificate.library", "", fmt::format("cannot {}: {}", doing, text.data()));
}

template <class Write>
Result<std::string> to_pem(Write write) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  if (!bio || write(bio.get()) != 1) return library_error("write PEM");
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<std::size_t>(size));
}

BioPtr reading(std::string_view pem) { return BioPtr(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))); }

bool add_extension(X509* certificate, X509* issuer, int kind, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, &context, kind, value));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

/// Built by hand and not from OpenSSL's text notation, in which a comma in a name would begin another name.
bool add_name(GENERAL_NAMES* names, int type, std::string_view value) {
  std::unique_ptr<GENERAL_NAME, Freer<GENERAL_NAME_free>> name(GENERAL_NAME_new());
  if (!name) return false;
  if (type == GEN_IPADD) {
    ASN1_OCTET_STRING* address = a2i_IPADDRESS(std::string(value).c_str());
    if (!address) return false;
    GENERAL_NAME_set0_value(name.get(), type, address);
  } else {
    ASN1_IA5STRING* text = ASN1_IA5STRING_new();
    if (!text || ASN1_STRING_set(text, value.data(), static_cast<int>(value.size())) != 1) return false;
    GENERAL_NAME_set0_value(name.get(), type, text);
  }
  return sk_GENERAL_NAME_push(names, name.release()) > 0;
}

bool is_ip_address(const std::string& host) {
  ASN1_OCTET_STRING* address = a2i_IPADDRESS(host.c_str());
  ERR_clear_error();
  ASN1_OCTET_STRING_free(address);
  return address != nullptr;
}

bool add_names(X509* certificate, const CertificateWish& wish) {
  const NamesPtr names(GENERAL_NAMES_new());
  if (!names) return false;
  if (!wish.uri.empty() && !add_name(names.get(), GEN_URI, wish.uri)) return false;
  for (const std::string& host : wish.hosts) {
    if (!add_name(names.get(), is_ip_address(host) ? GEN_IPADD : GEN_DNS, host)) return false;
  }
  return X509_add1_ext_i2d(certificate, NID_subject_alt_name, names.get(), 0, X509V3_ADD_DEFAULT) == 1;
}

bool add_common_name(X509* certificate, const std::string& name) {
  // An X.509 common name holds 64 characters; nothing is decided by it.
  const std::string cut = name.substr(0, 64);
  return X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                                    reinterpret_cast<const unsigned char*>(cut.data()), static_cast<int>(cut.size()),
                                    -1, 0) == 1;
}

/// Version, serial number, validity, name and key. Valid from an hour ago, so that a clock a bit behind accepts it.
bool fill(X509* certificate, EVP_PKEY* key, const std::string& common_name, int days) {
  std::array<unsigned char, 16> serial{};
  random_bytes(serial.data(), serial.size());
  serial[0] = static_cast<unsigned char>((serial[0] & 0x7f) | 0x40);  // positive and of full length
  const std::unique_ptr<BIGNUM, Freer<BN_free>> number(BN_bin2bn(serial.data(), serial.size(), nullptr));
  return number && X509_set_version(certificate, X509_VERSION_3) == 1 &&
         BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr &&
         X509_gmtime_adj(X509_getm_notBefore(certificate), -3600) != nullptr &&
         X509_gmtime_adj(X509_getm_notAfter(certificate), days * kSecondsPerDay) != nullptr &&
         add_common_name(certificate, common_name) && X509_set_pubkey(certificate, key) == 1;
}

Result<PemPair> pair_of(X509* certificate, EVP_PKEY* key) {
  HF_TRY(std::string certificate_pem, to_pem([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate); }));
  HF_TRY(std::string key_pem, to_pem([&](BIO* bio) {
           return PEM_write_bio_PKCS8PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
         }));
  return PemPair{std::move(certificate_pem), std::move(key_pem)};
}

UnixMillis to_millis(const ASN1_TIME* time) {
  std::tm fields{};
  if (ASN1_TIME_to_tm(time, &fields) != 1) return 0;
  return static_cast<UnixMillis>(timegm(&fields)) * 1000;
}

std::string text_of(const GENERAL_NAME* name) {
  int type = 0;
  const auto* value = static_cast<const ASN1_STRING*>(GENERAL_NAME_get0_value(name, &type));
  const std::string_view raw(reinterpret_cast<const char*>(ASN1_STRING_get0_data(value)),
                             static_cast<std::size_t>(ASN1_STRING_length(value)));
  if (type == GEN_URI || type == GEN_DNS) return std::string(raw);
  std::array<char, INET6_ADDRSTRLEN> address{};
  const int family = raw.size() == sizeof(in_addr) ? AF_INET : AF_INET6;
  const bool is_address = type == GEN_IPADD && (family == AF_INET || raw.size() == sizeof(in6_addr)) &&
                          inet_ntop(family, raw.data(), address.data(), address.size()) != nullptr;
  return is_address ? address.data() : "another name";
}

}  // namespace

std::string percent_encode(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (letter || c == '-' || c == '.' || c == '_' || c == '~') {
      out.push_back(c);
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    }
  }
  return out;
}

std::string spiffe_party(std::string_view trust_domain, std::string_view party) {
  return fmt::format("spiffe://{}/party/{}", trust_domain, percent_encode(party));
}

std::string spiffe_subject(std::string_view trust_domain, std::string_view subject_id) {
  return fmt::format("spiffe://{}/subject/{}", trust_domain, percent_encode(subject_id));
}

Result<void> check_party(std::string_view name) {
  if (agreement::is_name(name)) return {};
  return fail(Code::invalid, "certificate.party", "",
              "no party of an agreement can be named " + agreement::quoted(name) +
                  ": take a letter, then letters, digits, '-' or '_', 64 at most");
}

Result<void> check_subject(std::string_view id) {
  const bool control = std::any_of(id.begin(), id.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
  if (!id.empty() && id.size() <= vault::kSubjectIdBytesMax && is_utf8(id) && !control) return {};
  return fail(
      Code::invalid, "certificate.subject", "",
      fmt::format("a subject's id has 1 to {} bytes of UTF-8, without control characters", vault::kSubjectIdBytesMax));
}

Result<void> check_host(std::string_view host) {
  if (!host.empty() && host.size() <= kHostBytesMax &&
      host.find_first_not_of(kHostCharacters) == std::string_view::npos) {
    return {};
  }
  return fail(Code::invalid, "certificate.host", std::string(host), "a host is a DNS name or an IP address");
}

Result<void> check_trust_domain(std::string_view name) {
  if (!name.empty() && name.size() <= kTrustDomainBytesMax &&
      name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789.-_") == std::string_view::npos) {
    return {};
  }
  return fail(Code::invalid, "certificate.trust-domain", std::string(name),
              "a trust domain is written in lower-case letters, digits, '.', '-' and '_', at most 255");
}

std::string subject_profile(std::string_view subject_id) {
  std::string encoded = percent_encode(subject_id);
  if (encoded.size() > kProfileBytesMax) encoded = to_hex(sha256(subject_id).view());
  return "subject-" + encoded;
}

struct Authority::Impl {
  CertPtr certificate;
  PkeyPtr key;
};

Authority::Authority(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Authority::Authority(Authority&&) noexcept = default;
Authority& Authority::operator=(Authority&&) noexcept = default;
Authority::~Authority() = default;

Result<PemPair> Authority::create(const std::string& common_name, int days) {
  const PkeyPtr key(EVP_EC_gen("P-256"));
  const CertPtr certificate(X509_new());
  X509* raw = certificate.get();
  const bool made = key && raw && fill(raw, key.get(), common_name, days) &&
                    X509_set_issuer_name(raw, X509_get_subject_name(raw)) == 1 &&
                    add_extension(raw, raw, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
                    add_extension(raw, raw, NID_key_usage, "critical,keyCertSign,cRLSign") &&
                    add_extension(raw, raw, NID_subject_key_identifier, "hash") &&
                    X509_sign(raw, key.get(), EVP_sha256()) != 0;
  if (!made) return library_error("make a certificate authority");
  return pair_of(raw, key.get());
}

Result<Authority> Authority::open(const PemPair& pem) {
  auto impl = std::make_unique<Impl>();
  impl->certificate.reset(PEM_read_bio_X509(reading(pem.certificate).get(), nullptr, nullptr, nullptr));
  impl->key.reset(PEM_read_bio_PrivateKey(reading(pem.key).get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  if (!impl->certificate || !impl->key || X509_check_private_key(impl->certificate.get(), impl->key.get()) != 1) {
    ERR_clear_error();
    return fail(Code::invalid, "certificate.malformed", "",
                "the authority's certificate and key are not readable PEM that belongs together");
  }
  return Authority(std::move(impl));
}

Result<PemPair> Authority::issue(const CertificateWish& wish) const {
  for (const std::string& host : wish.hosts) HF_CHECK(check_host(host));
  const PkeyPtr key(EVP_EC_gen("P-256"));
  const CertPtr certificate(X509_new());
  X509* raw = certificate.get();
  X509* issuer = impl_->certificate.get();
  const char* usage = wish.uri.empty() ? "serverAuth" : "clientAuth";
  const bool made = key && raw && fill(raw, key.get(), wish.common_name, wish.days) &&
                    X509_set_issuer_name(raw, X509_get_subject_name(issuer)) == 1 &&
                    add_extension(raw, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
                    add_extension(raw, issuer, NID_key_usage, "critical,digitalSignature") &&
                    add_extension(raw, issuer, NID_ext_key_usage, usage) &&
                    add_extension(raw, issuer, NID_subject_key_identifier, "hash") &&
                    add_extension(raw, issuer, NID_authority_key_identifier, "keyid:always") && add_names(raw, wish) &&
                    X509_sign(raw, impl_->key.get(), EVP_sha256()) != 0;
  if (!made) return library_error("make a certificate");
  return pair_of(raw, key.get());
}

bool Authority::has_issued(std::string_view pem) const {
  const CertPtr certificate(PEM_read_bio_X509(reading(pem).get(), nullptr, nullptr, nullptr));
  const bool issued = certificate && X509_verify(certificate.get(), impl_->key.get()) == 1;
  ERR_clear_error();
  return issued;
}

Result<CertificateFacts> read_certificate(std::string_view pem) {
  const CertPtr certificate(PEM_read_bio_X509(reading(pem).get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  if (!certificate) return fail(Code::invalid, "certificate.malformed", "", "this is no PEM certificate");
  CertificateFacts facts;
  facts.not_before = to_millis(X509_get0_notBefore(certificate.get()));
  facts.not_after = to_millis(X509_get0_notAfter(certificate.get()));
  std::array<char, 256> name{};
  X509_NAME_get_text_by_NID(X509_get_subject_name(certificate.get()), NID_commonName, name.data(), name.size());
  facts.common_name = name.data();
  const NamesPtr names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate.get(), NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    facts.names.push_back(text_of(sk_GENERAL_NAME_value(names.get(), i)));
  }
  return facts;
}

}  // namespace holdfast::cli
