#pragma once

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <CLI/Validators.hpp>
#include <boost/json/value.hpp>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace holdfast::cli {

struct ClientOptions;

/// What the process answers to whoever called it; docs/cli.md lists them. `verify` has its own meaning of 1.
enum ExitCode : int {
  exit_ok = 0,
  exit_error = 1,        ///< it failed, and the same call will fail again
  exit_usage = 2,        ///< the command line or an input file is wrong
  exit_unavailable = 3,  ///< a server, file or limit is not there now; trying again may help
  exit_refused = 4,      ///< the agreement does not allow it, or nobody known asked
  exit_not_found = 5,
};
int exit_code_of(const Error& error);

/// What the manual says of an exit code; docs/cli.md has the same lines.
struct ExitMeaning {
  int code;
  std::string_view what;
};
std::span<const ExitMeaning> exit_meanings();
std::span<const ExitMeaning> verify_exit_meanings();

/// What all commands share: how to print, and what the chosen one does.
struct Session {
  bool json = false;
  std::function<Result<int>()> action;  ///< set by the command that the line names; answers the exit code
};

/// Declares a command. `examples`: two real ones, a line each, shown under --help. The command gets --json; `action`
/// runs after the whole line was parsed.
CLI::App* add_command(CLI::App& parent, Session& session, const std::string& name, const std::string& what,
                      const std::string& examples, std::function<Result<int>()> action);
/// Declares a group of commands: `holdfast key …`.
CLI::App* add_group(CLI::App& parent, const std::string& name, const std::string& what);

/// For an option's check(): digits and nothing else. Without it CLI11 takes "-1" for the greatest number there is.
CLI::Validator whole_number();

/// Before anything is done: may the command read the file that a person named? It may be a pipe.
/// Errors: not_found "file.missing"; invalid "file.folder", "file.io".
Result<void> require_input(const std::string& path);
/// Before anything is done: may the command write to `path`? Empty: standard output, which it may.
/// Errors: invalid "file.folder", "file.io"; "cli.output.input": it is one of `inputs`, by whatever name, those that
/// are there; "cli.output.key": a private key is there.
Result<void> require_output(const std::string& path, const std::vector<std::string>& inputs = {});
/// Writes `content` to `path`, which require_output let pass. Where this is what standard output or error goes to, by
/// whatever name, it goes on there, as a file would be replaced under the hands of whoever redirected it.
/// Errors: of write_file.
Result<void> write_output(const std::string& path, std::string_view content, unsigned mode = 0644);
/// An error of what was read from `path` bears its name.
template <class T>
Result<T> of_file(Result<T> read, const std::string& path) {
  if (read) return read;
  Error error = std::move(read).error();
  error.where = error.where.empty() ? path : path + ": " + error.where;
  return tl::unexpected<Error>(std::move(error));
}
/// Certificates that a call on the server reads: never to be written to.
std::vector<std::string> files_of(const ClientOptions& options);
/// invalid "cli.key.private" when one of `keys` is a file with a private key, where a public one is wanted.
Result<void> require_public(const std::vector<std::string>& keys);

/// One JSON document and a line feed on stdout.
void print_json(const boost::json::value& value);
/// `text` and a line feed on stdout.
void print_text(std::string_view text);  ///< as it is
void print_line(std::string_view text);
/// What stdout took no more of, while the command ran or once all was done: unavailable "cli.output".
tl::unexpected<Error> output_lost();
tl::unexpected<Error> answer_lost();
/// A server's answer on stdout, with one line feed behind it.
void print_body(std::string_view body);
/// On stderr: "holdfast: where: what [slug]", or with `json` {"error":{…}}.
void print_error(const Error& error, bool json);
/// On stderr: "holdfast: warning: …".
void print_warning(std::string_view text);

}  // namespace holdfast::cli
