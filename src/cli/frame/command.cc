#include "cli/frame/command.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>

#include "base/file.h"
#include "base/plain.h"
#include "base/secret.h"
#include "cli/frame/client.h"
#include "cli/workdir/workdir.h"

namespace holdfast::cli {
namespace {

std::string_view name_of(Code code) {
  switch (code) {
    case Code::invalid:
      return "invalid";
    case Code::unauthenticated:
      return "unauthenticated";
    case Code::refused:
      return "refused";
    case Code::not_found:
      return "not_found";
    case Code::conflict:
      return "conflict";
    case Code::exhausted:
      return "exhausted";
    case Code::corrupt:
      return "corrupt";
    case Code::unavailable:
      return "unavailable";
    case Code::unsupported:
      return "unsupported";
    case Code::internal:
      return "internal";
  }
  return "internal";
}

/// Does the file begin as `holdfast key new` writes private keys, as root keys do, or as PEM does?
bool is_private_key(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) return false;
  std::string beginning(40, '\0');
  std::ifstream file(path, std::ios::binary);
  file.read(beginning.data(), static_cast<std::streamsize>(beginning.size()));
  const bool found = beginning.starts_with("PRIVATE+KEY+") || beginning.starts_with("HOLDFAST+SEALED+KEY+") ||
                     beginning.starts_with("holdfast root keys ") ||
                     (beginning.starts_with("-----BEGIN ") && beginning.find("PRIVATE KEY-----") != std::string::npos);
  wipe(beginning);
  return found;
}

/// The stream of this process that goes to `path`, if one does.
std::FILE* standard_stream(const std::string& path) {
  struct stat wanted {};
  if (::stat(path.c_str(), &wanted) != 0) return nullptr;
  for (std::FILE* stream : {stdout, stderr}) {
    struct stat open {};
    const bool known = ::fstat(::fileno(stream), &open) == 0;
    if (known && open.st_dev == wanted.st_dev && open.st_ino == wanted.st_ino) return stream;
  }
  return nullptr;
}

}  // namespace

int exit_code_of(const Error& error) {
  switch (error.code) {
    case Code::invalid:
      return exit_usage;
    case Code::unavailable:
    case Code::exhausted:
      return exit_unavailable;
    case Code::refused:
    case Code::unauthenticated:
      return exit_refused;
    case Code::not_found:
      return exit_not_found;
    default:
      return exit_error;
  }
}

std::span<const ExitMeaning> exit_meanings() {
  static constexpr ExitMeaning kMeanings[] = {
      {exit_ok, "done"},
      {exit_error,
       "failed, or done in part: rows of an import rejected, subjects of a batch refused, an agreement that does not "
       "check, a doctor's finding"},
      {exit_usage, "the command line or an input file is wrong"},
      {exit_unavailable, "not there now: server, file lock, spent limit. Trying again later may help"},
      {exit_refused, "refused: the agreement does not allow it, or the certificate is nobody's"},
      {exit_not_found, "not found: subject, entry, file, collection"},
  };
  return kMeanings;
}

std::span<const ExitMeaning> verify_exit_meanings() {
  static constexpr ExitMeaning kMeanings[] = {
      {0, "all good"},
      {1, "nothing proven: it could not be fetched or was called wrongly"},
      {2, "something stands in the log that should not, or is missing; the entries are named"},
      {3, "it is not one log: rolled back, two views, wrong signature or root"},
  };
  return kMeanings;
}

CLI::App* add_command(CLI::App& parent, Session& session, const std::string& name, const std::string& what,
                      const std::string& examples, std::function<Result<int>()> action) {
  CLI::App* command = parent.add_subcommand(name, what);
  command->add_flag("--json", session.json, "Print JSON, errors too");
  command->footer("Examples:\n" + examples);
  command->callback([&session, run = std::move(action)] { session.action = run; });
  return command;
}

CLI::App* add_group(CLI::App& parent, const std::string& name, const std::string& what) {
  CLI::App* group = parent.add_subcommand(name, what);
  group->require_subcommand(1);
  group->footer("Run 'holdfast " + name + " COMMAND --help' for more on a command.");
  return group;
}

CLI::Validator whole_number() {
  const auto check = [](const std::string& text) -> std::string {
    const bool digits = !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
    return digits ? "" : "'" + text + "' is no whole number from 0";
  };
  return CLI::Validator(check, "");
}

Result<void> require_input(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code unknown;
  const fs::file_type type = fs::status(path, unknown).type();
  if (type == fs::file_type::not_found) return fail(Code::not_found, "file.missing", path, "there is no such file");
  if (type == fs::file_type::directory)
    return fail(Code::invalid, "file.folder", path, "this is a folder; give one file");
  if (::access(path.c_str(), R_OK) == 0) return {};
  return fail(
      Code::invalid, "file.io", path,
      fmt::format("cannot be read: {}; let this user read it, or run this as one who may", std::strerror(errno)));
}

Result<void> require_output(const std::string& path, const std::vector<std::string>& inputs) {
  namespace fs = std::filesystem;
  if (path.empty() || standard_stream(path)) return {};
  std::error_code ignored;
  if (fs::is_directory(path, ignored)) {
    return fail(Code::invalid, "file.folder", path, "this is a folder, so nothing was done; name a file in it");
  }
  const bool there = fs::exists(path, ignored);
  if (there && !fs::is_regular_file(path, ignored)) {  // a device or pipe, written to as it is
    if (::access(path.c_str(), W_OK) == 0) return {};
    return fail(Code::invalid, "file.io", path, "this user may not write to it; nothing was done");
  }
  const fs::path folder = fs::path(behind_links(path)).parent_path() / ".";
  if (::access(folder.c_str(), W_OK) != 0) {
    return fail(Code::invalid, "file.folder", path,
                "its folder is not there, or not to be written to; nothing was done");
  }
  const auto same = [&](const std::string& input) { return there && fs::equivalent(path, input, ignored); };
  if (std::ranges::any_of(inputs, same)) {
    return fail(Code::invalid, "cli.output.input", path,
                "this is a file that the command reads, and it would be replaced; name another one to write to");
  }
  if (is_private_key(path)) {
    return fail(Code::invalid, "cli.output.key", path,
                "a private key is there, and it is never overwritten; name another file to write to");
  }
  return {};
}

Result<void> write_output(const std::string& path, std::string_view content, unsigned mode) {
  std::FILE* const stream = standard_stream(path);
  if (!stream) return write_file(path, content, mode);
  if (std::fwrite(content.data(), 1, content.size(), stream) == content.size() && std::fflush(stream) == 0) return {};
  return fail(Code::unavailable, "file.io", path, std::string("cannot write: ") + std::strerror(errno));
}

std::vector<std::string> files_of(const ClientOptions& options) {
  const WorkDir dir(options.dir);
  return {options.cert, options.ca, dir.client_certificate(options.as), dir.authority_certificate()};
}

Result<void> require_public(const std::vector<std::string>& keys) {
  const auto found = std::ranges::find_if(keys, is_private_key);
  if (found == keys.end()) return {};
  const std::string half = std::filesystem::path(*found).replace_extension(".vkey").string();
  return fail(Code::invalid, "cli.key.private", *found,
              fmt::format("this is the private half of a key, for its owner alone; who verifies is given the public "
                          "half, {}, which its owner makes with: holdfast key show {} > {}",
                          half, *found, half));
}

void print_json(const boost::json::value& value) { print_line(boost::json::serialize(value)); }

void print_text(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

void print_line(std::string_view text) {
  print_text(text);
  std::fputc('\n', stdout);
}

tl::unexpected<Error> output_lost() {
  return fail(
      Code::unavailable, "cli.output", "standard output",
      "it could not be written, so what was to be told is lost; what was released is in the evidence all the same");
}

tl::unexpected<Error> answer_lost() {
  return fail(Code::unavailable, "cli.output", "standard output",
              "the command was carried out, and only its answer could not be written; what it changed stays changed, "
              "and what it released is in the evidence");
}

void print_body(std::string_view body) {
  if (body.ends_with('\n')) body.remove_suffix(1);
  print_line(body);
}

void print_error(const Error& error, bool json) {
  if (!json) {
    fmt::print(stderr, "holdfast: {}\n", to_plain(error.text(), "\n\t"));
    return;
  }
  boost::json::object fields{{"code", std::string(error.slug)},
                             {"kind", std::string(name_of(error.code))},
                             {"where", error.where},
                             {"detail", error.what}};
  if (error.retry_after_s > 0) fields["retry_after_s"] = error.retry_after_s;
  fmt::print(stderr, "{}\n", boost::json::serialize(boost::json::object{{"error", std::move(fields)}}));
}

void print_warning(std::string_view text) { fmt::print(stderr, "holdfast: warning: {}\n", text); }

}  // namespace holdfast::cli
