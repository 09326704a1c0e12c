#include "cli/program.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <iostream>

#include "base/near.h"
#include "cli/commands/groups.h"

namespace holdfast::cli {
namespace {

std::vector<const CLI::App*> commands_of(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

Error usage_error(std::string where, std::string what) {
  return Error{Code::invalid, "cli.usage", std::move(where), std::move(what)};
}

/// "key new": the command that the arguments got to, for the hint at its help.
std::string path_to(const CLI::App& program, const std::vector<std::string>& arguments) {
  std::string out;
  const CLI::App* at = &program;
  for (const std::string& word : arguments) {
    const auto known = commands_of(*at);
    const auto found = std::find_if(known.begin(), known.end(), [&](const auto* c) { return c->get_name() == word; });
    if (found == known.end()) break;
    at = *found;
    out += " " + word;
  }
  return out;
}

/// A variable that is not set leaves an empty value, and an empty path would be taken for none at all.
void refuse_empty_values(CLI::App& command) {
  const auto check = [](const std::string& value) -> std::string {
    return value.empty() ? "is empty (a variable that is not set?); give it a value" : "";
  };
  for (CLI::Option* option : command.get_options()) {
    const bool names_column = command.get_name() == "import" && option->get_name() == "--subject";
    if (!names_column) option->check(CLI::Validator(check, ""));  // a column may have no name
  }
  for (CLI::App* each : command.get_subcommands([](const CLI::App*) { return true; })) refuse_empty_values(*each);
}

/// Backwards, as the parser takes them. For the value of "--state=" it would take the next word.
std::vector<std::string> words_to_parse(const std::vector<std::string>& arguments) {
  std::vector<std::string> out;
  bool options = true;
  for (const std::string& word : arguments) {
    options = options && word != "--";
    const bool lacks_value = options && word.starts_with("--") && word.find('=') == word.size() - 1;
    out.push_back(lacks_value ? word.substr(0, word.size() - 1) : word);
    if (lacks_value) out.emplace_back();
  }
  std::ranges::reverse(out);
  return out;
}

bool json_wanted(int argc, char** argv) {
  return std::find(argv, argv + argc, std::string_view("--json")) != argv + argc;
}

}  // namespace

std::unique_ptr<CLI::App> make_program(Session& session) {
  auto program = std::make_unique<CLI::App>(
      "Personal data in custody: disclosed only as agreed, provable by a stranger.", "holdfast");
  program->set_version_flag("--version", "holdfast " HOLDFAST_VERSION);
  program->require_subcommand(1);
  program->footer(
      "Run 'holdfast COMMAND --help' for its options and examples. A first look: holdfast init /srv/holdfast");
  program->get_formatter()->column_width(34);
  for (const auto add :
       {add_init, add_serve, add_import, add_get, add_subject, add_verify, add_report, add_log, add_agreement,
        add_module, add_key, add_backup, add_status, add_job, add_doctor, add_completion, add_manual}) {
    add(*program, session);
  }
  refuse_empty_values(*program);
  return program;
}

std::optional<Error> find_unknown_command(const CLI::App& program, const std::vector<std::string>& arguments) {
  const CLI::App* at = &program;
  std::string path = "holdfast";
  for (const std::string& word : arguments) {
    const auto known = commands_of(*at);
    if (known.empty() || word.starts_with("-")) return std::nullopt;
    const auto found = std::find_if(known.begin(), known.end(), [&](const auto* c) { return c->get_name() == word; });
    if (found == known.end()) {
      std::vector<std::string> names;
      for (const CLI::App* command : known) names.push_back(command->get_name());
      const std::vector<std::string_view> views(names.begin(), names.end());
      return usage_error(
          path, fmt::format("'{}' is not a command{}; '{} --help' lists them", word, did_you_mean(word, views), path));
    }
    at = *found;
    path += " " + word;
  }
  return std::nullopt;
}

/// Of these, 2 and 3 say that the log is wrong: no cron job may read a typing error or a full disk as that.
bool is_proof(const std::string& path) { return path == " verify" || path == " report"; }

int run(int argc, char** argv) try {
  Session session;
  const auto program = make_program(session);
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  const bool json = json_wanted(argc, argv);
  if (arguments.empty()) {
    std::cout << program->help();
    return exit_usage;
  }
  if (const auto unknown = find_unknown_command(*program, arguments)) {
    print_error(*unknown, json);
    return exit_usage;
  }
  try {
    program->parse(words_to_parse(arguments));
  } catch (const CLI::Success& shown) {  // --help, --version
    return program->exit(shown);
  } catch (const CLI::ParseError& wrong) {
    const std::string path = path_to(*program, arguments), command = "holdfast" + path;
    print_error(usage_error(command, fmt::format("{}; see '{} --help'", wrong.what(), command)), json);
    return is_proof(path) ? exit_error : exit_usage;
  }
  const auto done = session.action();
  const bool told = std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
  if (done && told) return *done;
  const Error error = done ? answer_lost().value() : done.error();
  print_error(error, session.json);
  // Whoever tries again on 3 would have done twice what was done.
  return done || is_proof(path_to(*program, arguments)) ? exit_error : exit_code_of(error);
} catch (const std::filesystem::filesystem_error& wrong) {
  print_error(Error{Code::invalid, "cli.path", wrong.path1().string(), "cannot be used: " + wrong.code().message()},
              json_wanted(argc, argv));
  return exit_usage;
} catch (const std::exception& wrong) {
  print_error(Error{Code::internal, "cli.exception", "", std::string("a fault of ours: ") + wrong.what()},
              json_wanted(argc, argv));
  return exit_error;
}

}  // namespace holdfast::cli
