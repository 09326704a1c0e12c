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

TEST(Config, reads_how_sealed_modules_are_run) {
  const auto plain = parse_config(kGood, "h.yaml");
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->sealed.pool.required_layers, sealed::ring::kAllLayers);
  EXPECT_EQ(plain->sealed.run_max, std::chrono::milliseconds(20));
  EXPECT_EQ(plain->sealed.pool.workers_per_module, 1u);
  const auto config = parse_config(
      kGood +
          "sealed: {workers: 2, cores: [1, 3], memory: 32MiB, input: 2MiB, output: 64KiB, run: 1500us, beat: 0, "
          "jail: [seccomp, network-namespace, no-descriptors, Landlock]}\n",
      "h.yaml");
  ASSERT_TRUE(config) << config.error().text();
  const sealed::PoolOptions& pool = config->sealed.pool;
  EXPECT_EQ(pool.workers_per_module, 2u);
  EXPECT_EQ(pool.cores, (std::vector<int>{1, 3}));
  EXPECT_EQ(pool.worker.memory_bytes_max, 32u << 20);
  EXPECT_EQ(pool.shape.input_bytes_max, 2u << 20);
  EXPECT_EQ(pool.shape.output_bytes_max, 64u << 10);
  EXPECT_EQ(config->sealed.run_max, std::chrono::microseconds(1500));
  EXPECT_EQ(config->sealed.beat.count(), 0);
  using namespace sealed::ring;
  EXPECT_EQ(pool.required_layers, kSeccomp | kNetworkNamespace | kNoDescriptors | kLandlock);
}

TEST(Config, says_what_is_wrong_with_how_sealed_modules_are_run) {
  for (const std::string wrong :
       {"workers: 0", "cores: 1", "cores: [a]", "memory: 1", "memory: 65MiB", "memory: 0MiB", "run: 20", "run: 0ms",
        "run: 61s", "run: xms", "beat: -1ms", "beat: 2h", "jail: none", "jail: [walls]", "jail: [[seccomp]]"}) {
    const auto config = parse_config(kGood + "sealed: {" + wrong + "}\n", "h.yaml");
    ASSERT_FALSE(config) << wrong;
    EXPECT_EQ(config.error().slug, "config.value") << wrong;
  }
  EXPECT_EQ(parse_config(kGood + "sealed: {worker: 1}\n", "h.yaml").error().slug, "config.key.unknown");
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
           {"listen: 127.0.0.1:0", "listen: \"[::1]:8080\"", "config.address", "h.yaml:4:18"},
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
