// holdfast manual
#include "cli/commands/manual.h"

#include <fmt/format.h>

#include <filesystem>
#include <memory>

#include "base/file.h"
#include "cli/commands/groups.h"
#include "cli/frame/command.h"

namespace holdfast::cli {
namespace {

/// What roff shows as `text`, on lines of their own: no character of it is a request.
std::string roff(std::string_view text) {
  std::string out;
  bool at_line_start = true;
  for (const char c : text) {
    if (at_line_start && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else if (c == '\'') {
      out += "\\(aq";
    } else {
      out.push_back(c);
    }
    at_line_start = c == '\n';
  }
  return out;
}

std::string trimmed(std::string_view text) {
  const std::size_t from = text.find_first_not_of(" \n");
  if (from == std::string_view::npos) return {};
  return std::string(text.substr(from, text.find_last_not_of(" \n") - from + 1));
}

std::string dashed(std::string path) {
  for (char& c : path) c = c == ' ' ? '-' : c;
  return path;
}

std::vector<const CLI::App*> commands_of(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

/// What follows "Usage: holdfast key new" in --help.
std::string arguments_of(const CLI::App& app) {
  std::string out;
  if (!app.get_options([](const CLI::Option* o) { return o->nonpositional(); }).empty()) out += " [OPTIONS]";
  for (const CLI::Option* option : app.get_options([](const CLI::Option* o) { return o->get_positional(); })) {
    const std::string name = option->get_name(true);
    out += option->get_required() ? " " + name : " [" + name + "]";
  }
  return commands_of(app).empty() ? out : out + " COMMAND";
}

void add_options(const CLI::App& app, std::string& page) {
  const CLI::Formatter words;
  page += ".SH OPTIONS\n";
  for (const CLI::Option* option : app.get_options()) {
    const bool positional = option->get_positional();
    const std::string names = positional ? option->get_name(true) : option->get_name(false, true);
    page += fmt::format(".TP\n\\fB{}\\fR {}\n{}\n", roff(names), roff(trimmed(words.make_option_opts(option))),
                        roff(option->get_description()));
  }
}

/// "Examples:\n  one\n  two" as a section; any other footer as it stands.
void add_footer(const std::string& footer, std::string& page) {
  static constexpr std::string_view kExamples = "Examples:\n";
  if (footer.starts_with(kExamples)) {
    page += ".SH EXAMPLES\n.nf\n" + roff(footer.substr(kExamples.size())) + "\n.fi\n";
  } else if (!footer.empty()) {
    page += ".PP\n" + roff(footer) + "\n";
  }
}

void add_exit_status(const std::string& path, std::string& page) {
  page += ".SH EXIT STATUS\n";
  for (const ExitMeaning& meaning :
       path == "holdfast verify" || path == "holdfast report" ? verify_exit_meanings() : exit_meanings()) {
    page += fmt::format(".TP\n.B {}\n{}\n", meaning.code, roff(meaning.what));
  }
}

void add_page(const CLI::App& app, const std::string& path, const std::string& group, std::vector<ManualPage>& pages) {
  std::string page = fmt::format(".TH {} 1 \"\" \"holdfast {}\" \"Holdfast\"\n", roff(dashed(path)), HOLDFAST_VERSION);
  page += fmt::format(".SH NAME\n{} \\- {}\n", roff(dashed(path)), roff(app.get_description()));
  page += fmt::format(".SH SYNOPSIS\n\\fB{}\\fR{}\n", roff(path), roff(arguments_of(app)));
  const auto commands = commands_of(app);
  if (!commands.empty()) page += ".SH COMMANDS\n";
  for (const CLI::App* command : commands) {
    page += fmt::format(".TP\n.BR {} (1)\n{}\n", roff(dashed(path + " " + command->get_name())),
                        roff(command->get_description()));
  }
  add_options(app, page);
  add_footer(app.get_footer(), page);
  if (commands.empty() || group.empty()) add_exit_status(path, page);
  if (!group.empty()) page += fmt::format(".SH SEE ALSO\n.BR {} (1)\n", roff(dashed(group)));
  pages.push_back({dashed(path), std::move(page)});
  for (const CLI::App* command : commands) add_page(*command, path + " " + command->get_name(), path, pages);
}

Result<int> write_manual(const CLI::App& program, const std::string& directory) {
  std::error_code wrong;
  std::filesystem::create_directories(directory, wrong);
  if (wrong) return fail(Code::unavailable, "cli.manual.directory", directory, "cannot be made: " + wrong.message());
  for (const ManualPage& page : manual_pages(program)) {
    HF_CHECK(write_file(directory + "/" + page.name + ".1", page.text));
  }
  return exit_ok;
}

}  // namespace

std::vector<ManualPage> manual_pages(const CLI::App& program) {
  std::vector<ManualPage> pages;
  add_page(program, program.get_name(), "", pages);
  return pages;
}

void add_manual(CLI::App& program, Session& session) {
  const auto directory = std::make_shared<std::string>();
  CLI::App* command = add_command(program, session, "manual", "Write the manual's pages for man(1), one a command",
                                  "  holdfast manual ~/.local/share/man/man1 && man holdfast-key-new\n"
                                  "  holdfast manual ./man1 && man -l ./man1/holdfast.1",
                                  [&program, directory] { return write_manual(program, *directory); });
  command->add_option("DIR", *directory, "Folder for the pages; made if it is not there")->required();
}

}  // namespace holdfast::cli
