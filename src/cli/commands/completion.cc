// holdfast completion bash|zsh|fish
#include "cli/commands/completion.h"

#include <fmt/format.h>

#include <memory>

#include "cli/commands/groups.h"
#include "cli/frame/command.h"

namespace holdfast::cli {
namespace {

void add_node(const CLI::App& app, const std::string& path, std::vector<CompletionNode>& tree) {
  CompletionNode node{path, {}, {}};
  const auto commands = app.get_subcommands([](const CLI::App*) { return true; });
  for (const CLI::App* command : commands) node.commands.push_back({command->get_name(), command->get_description()});
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames())
      node.options.push_back({"--" + name, option->get_description()});
  }
  tree.push_back(std::move(node));
  for (const CLI::App* command : commands) {
    add_node(*command, path.empty() ? command->get_name() : path + " " + command->get_name(), tree);
  }
}

std::string words_of(const CompletionNode& node) {
  std::string out;
  for (const auto* list : {&node.commands, &node.options}) {
    for (const Choice& choice : *list) out += (out.empty() ? "" : " ") + choice.word;
  }
  return out;
}

/// For a single-quoted string of sh and fish.
std::string quoted(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '\'' ? "'\\''" : std::string(1, c);
  return "'" + out + "'";
}

/// Finds how deep the words before the cursor lead, in a shell that has `case`.
std::string path_patterns(const std::vector<CompletionNode>& tree) {
  std::vector<std::string> patterns;
  for (const CompletionNode& node : tree) {
    if (!node.path.empty()) patterns.push_back("\"" + node.path + "\"");
  }
  return fmt::format("{}", fmt::join(patterns, "|"));
}

}  // namespace

std::vector<CompletionNode> completion_tree(const CLI::App& program) {
  std::vector<CompletionNode> tree;
  add_node(program, "", tree);
  return tree;
}

std::string bash_completion(const std::vector<CompletionNode>& tree) {
  std::string cases;
  for (const CompletionNode& node : tree)
    cases += fmt::format("    \"{}\") words=\"{}\" ;;\n", node.path, words_of(node));
  return fmt::format(R"(# bash completion for holdfast: source it, or put it into /etc/bash_completion.d/holdfast
_holdfast() {{
  local path= word next words=
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
    next=${{path:+$path }}$word
    case "$next" in {}) path=$next ;; esac
  done
  case "$path" in
{}  esac
  COMPREPLY=($(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}"))
}}
complete -o bashdefault -o default -F _holdfast holdfast
)",
                     path_patterns(tree), cases);
}

std::string zsh_completion(const std::vector<CompletionNode>& tree) {
  std::string cases;
  for (const CompletionNode& node : tree) {
    cases += fmt::format("    \"{}\")\n      commands=(", node.path);
    const auto add = [&cases](const std::vector<Choice>& choices) {
      for (const Choice& choice : choices) {
        std::string what = choice.what;
        for (std::size_t at = 0; (at = what.find(':', at)) != std::string::npos; at += 2) what.insert(at, "\\");
        cases += quoted(choice.word + ":" + what) + " ";
      }
    };
    add(node.commands);
    cases += ")\n      options=(";
    add(node.options);
    cases += ") ;;\n";
  }
  return fmt::format(R"(#compdef holdfast
# zsh completion for holdfast: put it as _holdfast into a folder of $fpath
_holdfast() {{
  local path_words= word next
  local -a commands options
  for word in "${{(@)words[2,CURRENT-1]}}"; do
    next=${{path_words:+$path_words }}$word
    case "$next" in {}) path_words=$next ;; esac
  done
  case "$path_words" in
{}  esac
  if [[ "${{words[CURRENT]}}" == -* ]]; then
    _describe -o 'option' options
  elif (( ${{#commands}} )); then
    _describe 'command' commands
  else
    _files
  fi
}}
# Autoloaded from $fpath the first completion runs this file; sourced, it registers the function.
if [[ "${{funcstack[1]}}" == _holdfast ]]; then _holdfast "$@"; else compdef _holdfast holdfast; fi
)",
                     path_patterns(tree), cases);
}

std::string fish_completion(const std::vector<CompletionNode>& tree) {
  std::string out = R"(# fish completion for holdfast: put it into ~/.config/fish/completions/holdfast.fish
function __holdfast_at
    set -l path
    for word in (commandline -opc)[2..-1]
        set -l next (string join ' ' $path $word)
        contains -- $next $__holdfast_paths; and set path $path $word
    end
    test "$path" = "$argv[1]"
end
)";
  out += "set -g __holdfast_paths";
  for (const CompletionNode& node : tree) {
    if (!node.path.empty()) out += " " + quoted(node.path);
  }
  out += "\n";
  for (const CompletionNode& node : tree) {
    const std::string condition = quoted("__holdfast_at \"" + node.path + "\"");
    for (const Choice& choice : node.commands) {
      out += fmt::format("complete -c holdfast -f -n {} -a {} -d {}\n", condition, quoted(choice.word),
                         quoted(choice.what));
    }
    for (const Choice& choice : node.options) {
      out += fmt::format("complete -c holdfast -n {} -l {} -d {}\n", condition, choice.word.substr(2),
                         quoted(choice.what));
    }
  }
  return out;
}

void add_completion(CLI::App& program, Session& session) {
  const auto shell = std::make_shared<std::string>();
  CLI::App* command =
      add_command(program, session, "completion", "Print a script that completes commands in your shell",
                  "  source <(holdfast completion bash)\n"
                  "  holdfast completion fish > ~/.config/fish/completions/holdfast.fish",
                  [&program, shell]() -> Result<int> {
                    const auto tree = completion_tree(program);
                    const std::string script = *shell == "bash"  ? bash_completion(tree)
                                               : *shell == "zsh" ? zsh_completion(tree)
                                                                 : fish_completion(tree);
                    std::fwrite(script.data(), 1, script.size(), stdout);
                    return exit_ok;
                  });
  command->add_option("SHELL", *shell, "bash, zsh or fish")->required()->check(CLI::IsMember({"bash", "zsh", "fish"}));
}

}  // namespace holdfast::cli
