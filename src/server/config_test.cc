#include "server/config.h"

#include <gtest/gtest.h>

namespace holdfast::server {
namespace {

const std::string kGood = R"(origin: log.example/evidence
trust-domain: shortvideo.example
listen: 127.0.0.1:0
evidence-listen: "[::1]:8080"
tls:
  certificate: tls/server.pem
  key: tls/server.key
  client-ca: /etc/ca.pem
data: data
root-keys: keys/root
log-key: keys/log
threads: 2
log-level: debug
bounds:
  connections: 7
  body-bytes: 2048
  idle-seconds: 3
)";

TEST(Config, reads_everything) {
  const auto config = parse_config(kGood, "/srv/hf/holdfast.yaml");
  ASSERT_TRUE(config) << config.error().text();
  EXPECT_EQ(config->origin, "log.example/evidence");
  EXPECT_EQ(config->trust_domain, "shortvideo.example");
  EXPECT_EQ(config->listen, (Endpoint{"127.0.0.1", 0}));
  EXPECT_EQ(*config->evidence_listen, (Endpoint{"::1", 8080}));
  EXPECT_EQ(config->tls.certificate, "/srv/hf/tls/server.pem");
  EXPECT_EQ(config->tls.client_ca, "/etc/ca.pem");
  EXPECT_EQ(config->data, "/srv/hf/data");
  EXPECT_EQ(config->threads, 2u);
  EXPECT_EQ(config->log_level, LogLevel::debug);
  EXPECT_EQ(config->bounds.connections, 7u);
  EXPECT_EQ(config->bounds.body_bytes, 2048u);
  EXPECT_EQ(config->bounds.idle.count(), 3);
  EXPECT_EQ(config->bounds.header.count(), 10);
}

struct Wrong {
  std::string from, to;
  std::string_view slug, where;
};

TEST(Config, says_what_is_wrong_and_where) {
  for (const Wrong& wrong : std::vector<Wrong>{
           {"threads: 2", "thraeds: 2", "config.key.unknown", "h.yaml:12:1"},
           {"threads: 2", "threads: two", "config.value", "h.yaml:12:10"},
           {"threads: 2", "threads: 0", "config.value", "h.yaml:12:10"},
           {"threads: 2", "threads: 99999999999999", "config.value", "h.yaml:12:10"},
           {"  idle-seconds: 3", "  idle: 3", "config.key.unknown", "h.yaml:17:3"},
           {"  key: tls/server.key\n", "", "config.key.missing", "h.yaml:6:3"},
           {"origin: log.example/evidence\n", "", "config.key.missing", "h.yaml:1:1"},
           {"listen: 127.0.0.1:0", "listen: 127.0.0.1", "config.address", "h.yaml:3:9"},
           {"listen: 127.0.0.1:0", "listen: ::1:80", "config.address", "h.yaml:3:9"},
           {"listen: 127.0.0.1:0", "listen: 127.0.0.1:65536", "config.address", "h.yaml:3:9"},
           {"data: data", "data: [a]", "config.value", "h.yaml:9:7"},
           {"data: data", "data: a\ndata: b", "config.yaml", "h.yaml:10:1"},
           {"log-level: debug", "log-level: loud", "config.value", "h.yaml:13:12"},
           {"origin: ", "origin: &a ", "config.yaml", "h.yaml:1:9"},
       }) {
    std::string text = kGood;
    text.replace(text.find(wrong.from), wrong.from.size(), wrong.to);
    const auto config = parse_config(text, "h.yaml");
    ASSERT_FALSE(config) << wrong.to;
    EXPECT_EQ(config.error().slug, wrong.slug) << config.error().text();
    EXPECT_EQ(config.error().where, wrong.where) << config.error().text();
  }
}

TEST(Config, a_near_name_is_offered) {
  std::string text = kGood;
  text.replace(text.find("threads"), 7, "thraeds");
  EXPECT_NE(parse_config(text, "h.yaml").error().what.find("did you mean 'threads'"), std::string::npos);
}

TEST(Config, nothing_crashes) {
  for (const std::string_view text : {"", "\n", "a", "[]\n", "a: b: c\n", "\xff\n", "{\n", "- a\n"}) {
    EXPECT_FALSE(parse_config(text, "h.yaml")) << text;
  }
}

}  // namespace
}  // namespace holdfast::server
