#include "cli/workdir/certificates.h"

#include <gtest/gtest.h>

#include "base/clock.h"

namespace holdfast::cli {
namespace {

TEST(Certificates, say_who_in_the_uri_and_how_long) {
  const auto authority_pem = Authority::create("Holdfast test", 3650);
  ASSERT_TRUE(authority_pem) << authority_pem.error().text();
  const auto authority = Authority::open(*authority_pem);
  ASSERT_TRUE(authority);
  const auto pair = authority->issue({"app-us", spiffe_party("holdfast.example", "app-us"), {}, 30});
  ASSERT_TRUE(pair) << pair.error().text();
  const auto facts = read_certificate(pair->certificate);
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->common_name, "app-us");
  EXPECT_EQ(facts->names, std::vector<std::string>{"spiffe://holdfast.example/party/app-us"});
  const UnixMillis now = SystemClock().now();
  EXPECT_LT(facts->not_before, now);
  EXPECT_NEAR(static_cast<double>(facts->not_after - now), 30.0 * 86'400'000, 60'000);
  EXPECT_NE(pair->key.find("PRIVATE KEY"), std::string::npos);
}

TEST(Certificates, a_server_has_its_hosts) {
  const auto authority = Authority::open(*Authority::create("Holdfast test", 10));
  const auto pair = authority->issue({"hf.example", "", {"hf.example", "127.0.0.1"}, 10});
  ASSERT_TRUE(pair);
  EXPECT_EQ(read_certificate(pair->certificate)->names, (std::vector<std::string>{"hf.example", "127.0.0.1"}));
  const auto six = authority->issue({"::1", "", {"::1", "2001:db8::7"}, 10});
  ASSERT_TRUE(six);
  EXPECT_EQ(read_certificate(six->certificate)->names, (std::vector<std::string>{"::1", "2001:db8::7"}));
}

TEST(Certificates, a_host_is_a_name_or_an_address) {
  const auto authority = Authority::open(*Authority::create("Holdfast test", 10));
  for (const char* odd : {"", "a b", "a,DNS:b", "https://a", "ü.example"}) {
    EXPECT_EQ(authority->issue({"x", "", {"localhost", odd}, 10}).error().slug, "certificate.host") << odd;
  }
}

TEST(Certificates, an_authority_knows_its_own) {
  const auto authority = Authority::open(*Authority::create("Holdfast test", 10));
  const auto other = Authority::open(*Authority::create("Holdfast test", 10));
  const auto pair = authority->issue({"hf.example", "", {"hf.example"}, 10});
  ASSERT_TRUE(pair);
  EXPECT_TRUE(authority->has_issued(pair->certificate));
  EXPECT_FALSE(other->has_issued(pair->certificate)) << "the name alone proves nothing";
  EXPECT_FALSE(authority->has_issued("nonsense"));
}

TEST(Certificates, a_subject_id_cannot_bring_in_another_name) {
  EXPECT_EQ(spiffe_subject("t", "a,URI:spiffe://t/party/oracle"),
            "spiffe://t/subject/a%2CURI%3Aspiffe%3A%2F%2Ft%2Fparty%2Foracle");
  const auto authority = Authority::open(*Authority::create("Holdfast test", 10));
  const auto pair = authority->issue({"subject", spiffe_subject("t", "x/../y,DNS:z"), {}, 10});
  ASSERT_TRUE(pair);
  EXPECT_EQ(read_certificate(pair->certificate)->names,
            std::vector<std::string>{"spiffe://t/subject/x%2F..%2Fy%2CDNS%3Az"});
}

TEST(Certificates, names_are_those_that_can_be) {
  EXPECT_TRUE(check_party("app-us"));
  for (const char* name : {"", "a/b", "../x", "spa\xc3\x9f", "a\nb", "Oracle Inc", "true"}) {
    EXPECT_EQ(check_party(name).error().slug, "certificate.party") << name;
  }
  EXPECT_FALSE(check_party(std::string(65, 'a')));
  EXPECT_TRUE(check_subject(std::string(512, '/')));
  for (const std::string& id : {std::string(), std::string(513, 'a'), std::string("a\nb"), std::string("\xff")}) {
    EXPECT_EQ(check_subject(id).error().slug, "certificate.subject");
  }
  EXPECT_TRUE(check_host("*.hf.example") && check_host("::1"));
  EXPECT_EQ(check_host("bad host").error().slug, "certificate.host");
  EXPECT_TRUE(check_trust_domain("holdfast.example"));
  EXPECT_EQ(check_trust_domain("Holdfast").error().slug, "certificate.trust-domain");
}

TEST(Certificates, a_subject_has_a_file_of_its_own_however_long_its_id) {
  EXPECT_EQ(subject_profile("a b"), "subject-a%20b");
  const std::string one = subject_profile(std::string(512, '/')), other = subject_profile(std::string(511, '/'));
  EXPECT_LT(one.size(), 100u);
  EXPECT_NE(one, other);
}

TEST(Certificates, keys_that_do_not_belong_together_are_refused) {
  const auto one = Authority::create("one", 10), other = Authority::create("other", 10);
  EXPECT_EQ(Authority::open({one->certificate, other->key}).error().slug, "certificate.malformed");
  EXPECT_EQ(Authority::open({"", ""}).error().slug, "certificate.malformed");
  EXPECT_EQ(read_certificate("-----BEGIN CERTIFICATE-----\nAAAA\n").error().slug, "certificate.malformed");
}

}  // namespace
}  // namespace holdfast::cli
