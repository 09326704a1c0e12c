#include "cli/workdir/workdir.h"

#include <fmt/format.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "base/file.h"
#include "cli/workdir/certificates.h"

namespace holdfast::cli {
namespace json = boost::json;
namespace {

std::string name_of(uid_t user) {
  const passwd* const found = ::getpwuid(user);
  return found ? found->pw_name : std::to_string(user);
}

/// What cannot be looked at is not taken for what is not there.
tl::unexpected<Error> unreadable(const std::string& path, const std::error_code& why) {
  struct stat status {};
  const bool told = ::stat(path.c_str(), &status) == 0 && status.st_uid != ::geteuid();
  return fail(Code::invalid, "cli.serve.unreadable", path,
              fmt::format("cannot be looked into: {}; run this as {}, or chown it to the user who runs it",
                          why.message(), told ? "its owner, " + name_of(status.st_uid) : "its owner"));
}

Result<void> require_access(const std::string& path, int mode) {
  if (::access(path.c_str(), mode) == 0 || errno != EACCES) return {};
  return unreadable(path, std::make_error_code(std::errc::permission_denied));
}

/// None of a part's files is one that the engine would wait for, or whose permissions it would tell as a broken disk. A
/// folder within may be another's: lost+found, where the part is a disk of its own.
Result<void> require_files(const std::string& part) {
  namespace fs = std::filesystem;
  HF_CHECK(require_no_pipe(part));
  HF_CHECK(require_access(part, R_OK | X_OK));
  std::error_code wrong, unknown;
  fs::recursive_directory_iterator file(part, fs::directory_options::skip_permission_denied, wrong);
  for (; !wrong && file != fs::end(file); file.increment(wrong)) {
    HF_CHECK(require_no_pipe(file->path().string()));
    if (!file->is_directory(unknown)) HF_CHECK(require_access(file->path().string(), R_OK));
  }
  return {};
}

}  // namespace

WorkDir::WorkDir(std::string path) : path_(std::move(path)) {
  if (path_.empty()) {
    const char* given = std::getenv("HOLDFAST_DIR");
    path_ = given && *given ? given : ".";
  }
  while (path_.size() > 1 && path_.ends_with('/')) path_.pop_back();
}

Result<void> write_ready(const std::string& path, const Ready& ready) {
  json::object out{{"url", ready.url}, {"pid", ready.pid}};
  if (!ready.evidence_url.empty()) out["evidence_url"] = ready.evidence_url;
  return write_file(path, json::serialize(out) + "\n");
}

Result<Ready> read_ready(const std::string& path) {
  HF_TRY(const std::string text, read_file(path, 64u << 10));
  const auto malformed = [&] {
    return fail(Code::invalid, "cli.ready.malformed", path, "this is no file that 'holdfast serve' wrote; remove it");
  };
  boost::system::error_code wrong;
  const json::value parsed = json::parse(text, wrong);
  if (wrong || !parsed.is_object()) return malformed();
  const json::object& object = parsed.get_object();
  const auto text_at = [&](std::string_view name) {
    const json::value* value = object.if_contains(name);
    return value && value->is_string() ? std::string(value->get_string()) : std::string();
  };
  Ready ready{text_at("url"), text_at("evidence_url"), 0};
  if (const json::value* pid = object.if_contains("pid"); pid && pid->is_int64()) ready.pid = pid->get_int64();
  if (ready.url.empty()) return malformed();
  return ready;
}

std::string mark_of(const server::Config& config) { return config.log_key + ".used"; }

Result<void> require_data(const server::Config& config) {
  std::error_code wrong;
  const auto type = std::filesystem::status(config.data, wrong).type();
  if (type == std::filesystem::file_type::not_found) {
    return fail(
        Code::not_found, "cli.serve.data", config.data,
        "this folder is not there: mount it, or restore a backup; for a new store: mkdir -m 700 " + config.data);
  }
  if (wrong) return unreadable(config.data, wrong);
  if (type != std::filesystem::file_type::directory) {
    return fail(Code::invalid, "cli.serve.data.file", config.data,
                "this is a file, and the store needs a folder; set data: in holdfast.yaml to one");
  }
  const std::filesystem::directory_iterator look(config.data, wrong);
  if (wrong) return unreadable(config.data, wrong);
  return {};
}

Result<bool> find_store(const server::Config& config) {
  HF_CHECK(require_data(config));
  bool found = false;
  for (const char* part : {"/records", "/keys", "/log"}) {
    std::error_code wrong;
    found = std::filesystem::exists(config.data + part, wrong) || found;
    if (wrong) return unreadable(config.data, wrong);
    HF_CHECK(require_files(config.data + part));
  }
  if (found) return true;
  std::error_code unknown;
  if (!std::filesystem::exists(mark_of(config), unknown)) return false;
  return fail(
      Code::corrupt, "cli.serve.empty", config.data,
      fmt::format("there is no store here, and {} has signed a log already: mount it, or restore a backup. A new "
                  "log needs a new key; if nobody ever saw the old one, remove {}",
                  config.log_key, mark_of(config)));
}

Result<void> require_owner(const std::string& data, const std::string& command) {
  struct stat status {};
  // A part tells more than the folder, which may be a mount that a group shares: that is only root's to leave alone.
  const bool has_parts = ::stat((data + "/records").c_str(), &status) == 0;
  if (!has_parts && (::geteuid() != 0 || ::stat(data.c_str(), &status) != 0)) return {};
  if (status.st_uid == ::geteuid()) return {};
  return fail(Code::invalid, "cli.data.owner", data,
              fmt::format("this belongs to user {0}, who could not open what you would write; as that user: "
                          "runuser -u {0} -- {1}",
                          name_of(status.st_uid), command));
}

std::string authority_of(const server::Endpoint& endpoint) {
  std::string host = endpoint.host;
  if (host == "0.0.0.0" || host == "::") host = "localhost";
  if (host.find(':') != std::string::npos) host = "[" + host + "]";
  return host + ":" + std::to_string(endpoint.port);
}

Result<void> write_pair(const std::string& certificate_path, const std::string& key_path, const PemPair& pair) {
  std::error_code ignored;
  if (std::filesystem::exists(key_path, ignored)) {
    return fail(Code::conflict, "cli.file.exists", key_path,
                "there is a key already, and it is never overwritten; move it away first");
  }
  return replace_pair(certificate_path, key_path, pair);
}

Result<void> replace_pair(const std::string& certificate_path, const std::string& key_path, const PemPair& pair) {
  // Root renews what the server's own user has to read: the new files belong to whom the old ones did.
  struct stat before {};
  const bool keep_owner = ::geteuid() == 0 && ::stat(key_path.c_str(), &before) == 0;
  HF_CHECK(write_file(key_path, pair.key, 0600));
  HF_CHECK(write_file(certificate_path, pair.certificate));
  for (const std::string& path : {key_path, certificate_path}) {
    if (keep_owner && ::chown(path.c_str(), before.st_uid, before.st_gid) != 0) {
      return fail(Code::unavailable, "cli.file.owner", path,
                  "its owner could not be set; chown it to the server's user");
    }
  }
  return {};
}

}  // namespace holdfast::cli
