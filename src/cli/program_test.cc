#include "cli/program.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/file.h"
#include "base/plain.h"
#include "cli/commands/completion.h"
#include "cli/commands/manual.h"

namespace holdfast::cli {
namespace {

TEST(Program, every_command_has_help_with_two_examples_and_json) {
  Session session;
  const auto program = make_program(session);
  for (const auto& node : completion_tree(*program)) {
    if (node.path.empty() || !node.commands.empty()) continue;
    const CLI::App* at = program.get();
    std::string rest = node.path;
    while (!rest.empty()) {
      const std::size_t space = rest.find(' ');
      at = at->get_subcommand(rest.substr(0, space));
      rest = space == std::string::npos ? "" : rest.substr(space + 1);
    }
    const std::string footer = at->get_footer();
    std::size_t examples = 0;
    for (std::size_t line = 0; (line = footer.find("\n  ", line)) != std::string::npos; ++line) ++examples;
    EXPECT_EQ(examples, 2u) << node.path << "\n" << footer;
    EXPECT_FALSE(at->get_description().empty()) << node.path;
    EXPECT_NE(at->get_option_no_throw("--json"), nullptr) << node.path;
    EXPECT_NE(at->get_option_no_throw("--help"), nullptr) << node.path;
  }
}

TEST(Program, counts_one_in_the_singular) {
  EXPECT_EQ(counted(1, "erasure was", "erasures were"), "1 erasure was");
  EXPECT_EQ(counted(0, "request", "requests"), "0 requests");
  EXPECT_EQ(counted(1234, "request", "requests"), "1,234 requests");
}

TEST(Program, has_the_commands_that_the_manual_lists) {
  Session session;
  std::set<std::string> names;
  for (const auto& node : completion_tree(*make_program(session))) names.insert(node.path);
  for (const char* name : {"init",
                           "serve",
                           "import",
                           "get",
                           "batch",
                           "export",
                           "erase",
                           "restrict",
                           "verify",
                           "report",
                           "log export",
                           "log entry",
                           "log proof",
                           "log check-receipt",
                           "log tail",
                           "agreement check",
                           "agreement sign",
                           "agreement show",
                           "agreement adopt",
                           "module commit-source",
                           "module submit",
                           "module show",
                           "module sign",
                           "module release",
                           "module withdraw",
                           "module open-file",
                           "module reproduce",
                           "key new",
                           "key show",
                           "key certificate",
                           "key rotate-root",
                           "backup",
                           "restore",
                           "repair",
                           "status",
                           "doctor",
                           "completion",
                           "manual"}) {
    EXPECT_TRUE(names.contains(name)) << name;
  }
}

TEST(Program, an_unknown_command_is_told_with_near_names) {
  Session session;
  const auto program = make_program(session);
  const auto unknown = find_unknown_command(*program, {"verfy", "x"});
  ASSERT_TRUE(unknown);
  EXPECT_NE(unknown->what.find("did you mean 'verify'?"), std::string::npos) << unknown->what;
  const auto deeper = find_unknown_command(*program, {"agreement", "sing"});
  ASSERT_TRUE(deeper);
  EXPECT_EQ(deeper->where, "holdfast agreement");
  EXPECT_NE(deeper->what.find("'sign'"), std::string::npos) << deeper->what;
  EXPECT_FALSE(find_unknown_command(*program, {"verify", "anything"}));
  EXPECT_FALSE(find_unknown_command(*program, {"--help"}));
  EXPECT_FALSE(find_unknown_command(*program, {"key", "new", "oracle"}));
}

TEST(Program, an_error_chooses_the_exit_code) {
  const auto code = [](Code kind) { return exit_code_of(Error{kind, "a.b", "", ""}); };
  EXPECT_EQ(code(Code::invalid), 2);
  EXPECT_EQ(code(Code::unavailable), 3);
  EXPECT_EQ(code(Code::exhausted), 3);
  EXPECT_EQ(code(Code::refused), 4);
  EXPECT_EQ(code(Code::unauthenticated), 4);
  EXPECT_EQ(code(Code::not_found), 5);
  EXPECT_EQ(code(Code::corrupt), 1);
  EXPECT_EQ(code(Code::conflict), 1);
}

TEST(Manual, has_a_page_for_every_command_with_its_options_and_examples) {
  Session session;
  const auto program = make_program(session);
  const auto pages = manual_pages(*program);
  ASSERT_EQ(pages.size(), completion_tree(*program).size());
  EXPECT_EQ(pages.front().name, "holdfast");
  const auto page =
      std::find_if(pages.begin(), pages.end(), [](const auto& p) { return p.name == "holdfast-key-new"; });
  ASSERT_NE(page, pages.end());
  for (const char* part :
       {".TH holdfast\\-key\\-new 1", "\\fBholdfast key new\\fR [OPTIONS] NAME", "\\-\\-passphrase",
        ".SH EXAMPLES\n.nf\n  holdfast key new treasury", ".SH EXIT STATUS", ".BR holdfast\\-key (1)"}) {
    EXPECT_NE(page->text.find(part), std::string::npos) << part << "\n" << page->text;
  }
  for (const auto& one : pages)
    EXPECT_EQ(one.text.find("\n'"), std::string::npos) << "a request by accident: " << one.text;
}

TEST(Manual, says_of_exit_codes_what_the_documents_say) {
  const auto manual = read_file(HOLDFAST_SOURCE_DIR "/docs/cli.md");
  ASSERT_TRUE(manual);
  for (const auto meanings : {exit_meanings(), verify_exit_meanings()}) {
    for (const ExitMeaning& meaning : meanings) {
      const std::string row = "| " + std::to_string(meaning.code) + " | " + std::string(meaning.what) + " |";
      EXPECT_NE(manual->find(row), std::string::npos) << row;
    }
  }
}

TEST(Completion, scripts_hold_every_command_and_its_options) {
  const std::vector<CompletionNode> tree{
      {"", {{"key", "Keys: it's all"}}, {{"--version", "Which"}}},
      {"key", {{"new", "Make one"}}, {}},
      {"key new", {}, {{"--output", "Where"}}},
  };
  const std::string bash = bash_completion(tree);
  EXPECT_NE(bash.find("case \"$next\" in \"key\"|\"key new\") path=$next"), std::string::npos) << bash;
  EXPECT_NE(bash.find("\"key new\") words=\"--output\""), std::string::npos) << bash;
  EXPECT_NE(bash.find("\"\") words=\"key --version\""), std::string::npos) << bash;
  const std::string zsh = zsh_completion(tree);
  EXPECT_NE(zsh.find("'key:Keys\\: it'\\''s all'"), std::string::npos) << zsh;
  const std::string fish = fish_completion(tree);
  EXPECT_NE(fish.find("-l output -d 'Where'"), std::string::npos) << fish;
}

}  // namespace
}  // namespace holdfast::cli
