#include "server/config.h"

#include <fmt/format.h>

#include <charconv>
#include <filesystem>
#include <functional>
#include <vector>

#include "agreement/spelling.h"
#include "agreement/yaml.h"
#include "base/file.h"
#include "base/near.h"
#include "server/rules_folder.h"

namespace holdfast::server {
namespace {

using agreement::Node;

/// Reads one mapping key by key; the first error stands, later calls do nothing.
class Reader {
 public:
  Reader(std::string path, std::string folder) : path_(std::move(path)), folder_(std::move(folder)) {}

  struct Key {
    std::string_view name;
    bool required;
    std::function<void(const Node&)> take;
  };

  void map(const Node& node, std::string_view name, const std::vector<Key>& keys) {
    if (error_) return;
    if (node.kind != Node::Kind::map) return wrong(node.at, fmt::format("{} must be keys with values", name));
    for (const Node::Member& member : node.members) {
      const auto* key = find(keys, member.key);
      if (!key) return unknown(member, keys);
      key->take(member.value);
    }
    for (const Key& key : keys) {
      if (key.required && !node.find(key.name)) {
        return note("config.key.missing", node.at, fmt::format("{} lacks the key '{}'", name, key.name));
      }
    }
  }

  void text(const Node& node, std::string& out) {
    if (node.kind != Node::Kind::scalar || node.text.empty()) return wrong(node.at, "expected a text");
    out = node.text;
  }
  void path(const Node& node, std::string& out) {
    std::string given;
    text(node, given);
    if (!error_) out = (std::filesystem::path(folder_) / given).lexically_normal().string();
  }
  void endpoint(const Node& node, Endpoint& out) {
    std::string given;
    text(node, given);
    if (error_) return;
    auto parsed = Endpoint::parse(given);
    if (!parsed) return note("config.address", node.at, parsed.error().what);
    out = std::move(*parsed);
  }
  std::uint32_t number(const Node& node, std::uint32_t low, std::uint32_t high) {
    std::uint32_t value = 0;
    const char* const end = node.text.data() + node.text.size();
    const auto [at, problem] = std::from_chars(node.text.data(), end, value);
    const bool good = node.kind == Node::Kind::scalar && problem == std::errc() && at == end;
    if (!good || value < low || value > high) {
      wrong(node.at, fmt::format("expected a whole number from {} to {}", low, high));
      return low;
    }
    return value;
  }
  std::uint32_t size(const Node& node, std::uint32_t low, std::uint32_t high) {
    const auto value = node.kind == Node::Kind::scalar ? agreement::parse_size(node.text) : std::nullopt;
    if (value && *value >= low && *value <= high) return static_cast<std::uint32_t>(*value);
    wrong(node.at, fmt::format("expected a size from {} KiB to {} MiB, such as 64MiB", low >> 10, high >> 20));
    return low;
  }
  /// "1024MiB", in MiB.
  std::uint32_t mebibytes(const Node& node, std::uint32_t low, std::uint32_t high) {
    const std::size_t digits = node.text.ends_with("MiB") ? node.text.size() - 3 : 0;
    std::uint32_t value = 0;
    const char* const end = node.text.data() + digits;
    const auto [at, problem] = std::from_chars(node.text.data(), end, value);
    const bool good =
        node.kind == Node::Kind::scalar && problem == std::errc() && at == end && value >= low && value <= high;
    if (good) return value;
    wrong(node.at, fmt::format("expected a size from {} to {} MiB, such as 512MiB", low, high));
    return low;
  }
  /// "20ms", "500us", "2s".
  std::chrono::microseconds time(const Node& node, std::uint32_t low_us, std::uint32_t high_us) {
    std::string_view text = node.text;
    std::uint64_t unit_us = 0, value = 0;
    for (const auto& [name, us] : {std::pair{"us", 1}, {"ms", 1000}, {"s", 1'000'000}}) {
      if (unit_us != 0 || !text.ends_with(name)) continue;
      text.remove_suffix(std::string_view(name).size());
      unit_us = static_cast<std::uint64_t>(us);
    }
    const char* const end = text.data() + text.size();
    const auto [at, problem] = std::from_chars(text.data(), end, value);
    const bool good = node.kind == Node::Kind::scalar && problem == std::errc() && at == end && value <= high_us;
    if (good && value * unit_us >= low_us && value * unit_us <= high_us && (unit_us != 0 || node.text == "0")) {
      return std::chrono::microseconds(value * unit_us);
    }
    wrong(node.at,
          fmt::format("expected a time from {} to {} ms, such as 20ms or 500us", low_us / 1000, high_us / 1000));
    return std::chrono::microseconds(low_us);
  }
  void numbers(const Node& node, std::uint32_t high, std::vector<int>& out) {
    if (node.kind != Node::Kind::list) return wrong(node.at, "expected a list of numbers, such as [2, 3]");
    for (const Node& item : node.items) out.push_back(static_cast<int>(number(item, 0, high)));
  }
  /// "all", or a list of layers.
  void layers(const Node& node, std::uint32_t& out) {
    if (node.kind == Node::Kind::scalar && node.text == "all") return;
    if (node.kind != Node::Kind::list) return wrong(node.at, "expected all, or a list of layers of the jail");
    out = 0;
    for (const Node& item : node.items) {
      const std::uint32_t layer = item.kind == Node::Kind::scalar ? sealed::layer_named(item.text) : 0;
      if (layer == 0) {
        return wrong(item.at, "expected layers of the jail, such as seccomp or network-namespace; there are " +
                                  sealed::layer_names(sealed::ring::kAllLayers));
      }
      out |= layer;
    }
  }
  void level(const Node& node, LogLevel& out) {
    static constexpr std::string_view kLevels[] = {"debug", "info", "warn", "error"};
    for (std::size_t i = 0; i < std::size(kLevels); ++i) {
      if (node.text == kLevels[i]) return void(out = static_cast<LogLevel>(i));
    }
    wrong(node.at, "expected debug, info, warn or error");
  }

  void note(std::string_view slug, agreement::Position at, std::string what) {
    if (!error_)
      error_ = Error{Code::invalid, slug, fmt::format("{}:{}:{}", path_, at.line, at.column), std::move(what)};
  }
  const std::optional<Error>& error() const { return error_; }

 private:
  void wrong(agreement::Position at, std::string what) { note("config.value", at, std::move(what)); }
  static const Key* find(const std::vector<Key>& keys, std::string_view name) {
    for (const Key& key : keys) {
      if (key.name == name) return &key;
    }
    return nullptr;
  }
  void unknown(const Node::Member& member, const std::vector<Key>& keys) {
    std::vector<std::string_view> known;
    for (const Key& key : keys) known.push_back(key.name);
    note("config.key.unknown", member.at,
         fmt::format("{} is not a key of the configuration{}", agreement::quoted(member.key),
                     did_you_mean(member.key, known)));
  }

  std::string path_, folder_;
  std::optional<Error> error_;
};

void read_bounds(Reader& reader, const Node& node, Bounds& bounds) {
  constexpr std::uint32_t kSecondsMax = 3600;
  const auto seconds = [&reader](std::chrono::seconds& out) {
    return [&reader, &out](const Node& n) { out = std::chrono::seconds(reader.number(n, 1, kSecondsMax)); };
  };
  reader.map(node, "bounds",
             {{"connections", false, [&](const Node& n) { bounds.connections = reader.number(n, 1, 1'000'000); }},
              {"header-bytes", false, [&](const Node& n) { bounds.header_bytes = reader.number(n, 1024, 1u << 20); }},
              {"body-bytes", false, [&](const Node& n) { bounds.body_bytes = reader.number(n, 1024, 64u << 20); }},
              {"handshake-seconds", false, seconds(bounds.handshake)},
              {"header-seconds", false, seconds(bounds.header)},
              {"idle-seconds", false, seconds(bounds.idle)}});
}

void read_sealed(Reader& reader, const Node& node, trustee::SealedOptions& options) {
  constexpr std::uint32_t kMiB = 1u << 20;
  constexpr std::uint64_t kJobBesideMemory = 512ull << 20;  // the engine, its code, and the context
  sealed::PoolOptions& pool = options.pool;
  sealed::LongRunOptions& job = options.job;
  reader.map(
      node, "sealed",
      {{"workers", false, [&](const Node& n) { pool.workers_per_module = reader.number(n, 1, 64); }},
       {"cores", false, [&](const Node& n) { reader.numbers(n, 1023, pool.cores); }},
       {"memory", false, [&](const Node& n) { pool.worker.memory_bytes_max = reader.size(n, kMiB, 64 * kMiB); }},
       {"input", false, [&](const Node& n) { pool.shape.input_bytes_max = reader.size(n, 64u << 10, 64 * kMiB); }},
       {"output", false, [&](const Node& n) { pool.shape.output_bytes_max = reader.size(n, 1024, 64 * kMiB); }},
       {"run", false, [&](const Node& n) { options.run_max = reader.time(n, 1000, 60'000'000); }},
       {"beat", false, [&](const Node& n) { options.beat = reader.time(n, 0, 1'000'000); }},
       {"jail", false, [&](const Node& n) { reader.layers(n, pool.required_layers); }},
       {"job-memory", false,
        [&](const Node& n) { job.worker.memory_bytes_max = std::uint64_t{reader.mebibytes(n, 1, 4096)} << 20; }},
       {"job-input", false, [&](const Node& n) { job.input_bytes_max = reader.mebibytes(n, 1, 2048) << 20; }},
       {"job-minutes", false,
        [&](const Node& n) { options.job_run_max = std::chrono::minutes(reader.number(n, 1, 60)); }}});
  job.worker.process_bytes_max = job.worker.memory_bytes_max + kJobBesideMemory;
}

void read_tls(Reader& reader, const Node& node, Config::Tls& tls) {
  reader.map(node, "tls",
             {{"certificate", true, [&](const Node& n) { reader.path(n, tls.certificate); }},
              {"key", true, [&](const Node& n) { reader.path(n, tls.key); }},
              {"client-ca", true, [&](const Node& n) { reader.path(n, tls.client_ca); }}});
}

void read_all(Reader& reader, const Node& root, Config& config) {
  reader.map(root, "the configuration",
             {{"origin", true, [&](const Node& n) { reader.text(n, config.origin); }},
              {"trust-domain", true, [&](const Node& n) { reader.text(n, config.trust_domain); }},
              {"listen", true, [&](const Node& n) { reader.endpoint(n, config.listen); }},
              {"evidence-listen", false, [&](const Node& n) { reader.endpoint(n, config.evidence_listen.emplace()); }},
              {"tls", true, [&](const Node& n) { read_tls(reader, n, config.tls); }},
              {"data", true, [&](const Node& n) { reader.path(n, config.data); }},
              {"root-keys", true, [&](const Node& n) { reader.path(n, config.root_keys); }},
              {"log-key", true, [&](const Node& n) { reader.path(n, config.log_key); }},
              {"rules", false, [&](const Node& n) { reader.path(n, config.rules); }},
              {"threads", false, [&](const Node& n) { config.threads = reader.number(n, 1, 256); }},
              {"bounds", false, [&](const Node& n) { read_bounds(reader, n, config.bounds); }},
              {"sealed", false, [&](const Node& n) { read_sealed(reader, n, config.sealed); }},
              {"log-level", false, [&](const Node& n) { reader.level(n, config.log_level); }}});
  if (config.evidence_listen == config.listen && config.listen.port != 0) {
    reader.note("config.address", root.find("evidence-listen")->value.at,
                "this is the address of 'listen'; give it another port");
  }
}

}  // namespace

Result<Endpoint> Endpoint::parse(std::string_view text) {
  const auto wrong = [] {
    return fail(Code::invalid, "config.address", "", "expected host:port, as in 127.0.0.1:8443 or [::1]:8443");
  };
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return wrong();
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find_first_of(":[]") != std::string_view::npos) {
    return wrong();
  }
  Endpoint out{std::string(host), 0};
  const auto [end, problem] = std::from_chars(port.data(), port.data() + port.size(), out.port);
  if (host.empty() || problem != std::errc() || end != port.data() + port.size()) return wrong();
  return out;
}

Result<Config> parse_config(std::string_view text, std::string_view path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  Reader reader{std::string(path), folder};
  Config config;
  config.rules = kRulesFolder;
  agreement::Findings findings;
  const auto root = agreement::read_yaml(text, findings);
  if (!findings.empty()) {
    const auto found = findings.take(text);
    reader.note("config.yaml", {found.front().line, found.front().column}, found.front().message);
  } else if (!root) {
    reader.note("config.yaml", {}, "the file cannot be read as YAML");
  } else {
    read_all(reader, *root, config);
  }
  if (reader.error()) return tl::unexpected<Error>(*reader.error());
  return config;
}

Result<Config> load_config(const std::string& path) {
  HF_TRY(const std::string text, read_file(path, kConfigBytesMax));
  return parse_config(text, path);
}

}  // namespace holdfast::server
