#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>

#include "base/file.h"
#include "base/result.h"

namespace holdfast::server {

/// A key with its certificate, made for a test.
struct TestCertificate {
  std::shared_ptr<EVP_PKEY> key;
  std::shared_ptr<X509> certificate;

  /// `names`: a subjectAltName as OpenSSL's configuration spells it. Without `issuer` it signs itself, as an authority.
  static TestCertificate make(const std::string& names, const TestCertificate* issuer, long valid_s = 3600) {
    TestCertificate out;
    out.key.reset(EVP_EC_gen("P-256"), EVP_PKEY_free);
    out.certificate.reset(X509_new(), X509_free);
    X509* const x = out.certificate.get();
    X509_set_version(x, 2);
    static long serial = 1;
    ASN1_INTEGER_set(X509_get_serialNumber(x), serial++);
    X509_gmtime_adj(X509_getm_notBefore(x), -60);
    X509_gmtime_adj(X509_getm_notAfter(x), valid_s);
    X509_set_pubkey(x, out.key.get());
    const auto* name = reinterpret_cast<const unsigned char*>(issuer ? "leaf" : "authority");
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, name, -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(issuer ? issuer->certificate.get() : x));
    out.extend(NID_basic_constraints, issuer ? "CA:FALSE" : "critical,CA:TRUE");
    if (!names.empty()) out.extend(NID_subject_alt_name, names);
    HF_ASSERT(X509_sign(x, issuer ? issuer->key.get() : out.key.get(), EVP_sha256()) > 0);
    return out;
  }

  std::string certificate_pem() const {
    return pem([this](BIO* bio) { return PEM_write_bio_X509(bio, certificate.get()); });
  }
  std::string key_pem() const {
    return pem(
        [this](BIO* bio) { return PEM_write_bio_PrivateKey(bio, key.get(), nullptr, nullptr, 0, nullptr, nullptr); });
  }
  void save(const std::string& path) const {
    HF_ASSERT(write_file(path + ".pem", certificate_pem()));
    HF_ASSERT(write_file(path + ".key", key_pem(), 0600));
  }

 private:
  void extend(int nid, const std::string& value) const {
    X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str());
    HF_ASSERT(extension);
    X509_add_ext(certificate.get(), extension, -1);
    X509_EXTENSION_free(extension);
  }
  template <class Write>
  static std::string pem(Write write) {
    const std::unique_ptr<BIO, int (*)(BIO*)> bio(BIO_new(BIO_s_mem()), BIO_free);
    HF_ASSERT(write(bio.get()) == 1);
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &data);
    return {data, static_cast<std::size_t>(size)};
  }
};

}  // namespace holdfast::server
