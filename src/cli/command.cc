#include "cli/command.h"

#include <fmt/format.h>

#include <boost/json.hpp>
#include <cstdio>
#include <memory>

#include "base/plain.h"

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
