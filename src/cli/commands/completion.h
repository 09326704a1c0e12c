#pragma once

#include <CLI/App.hpp>
#include <string>
#include <vector>

namespace holdfast::cli {

/// A word that may follow, and what it means.
struct Choice {
  std::string word, what;
};
/// What may follow after a command: its own commands and options.
struct CompletionNode {
  std::string path;  ///< "", "key", "key new"
  std::vector<Choice> commands, options;
};
/// The whole tree, from the same declarations that parse the command line.
std::vector<CompletionNode> completion_tree(const CLI::App& program);

std::string bash_completion(const std::vector<CompletionNode>& tree);
std::string zsh_completion(const std::vector<CompletionNode>& tree);
std::string fish_completion(const std::vector<CompletionNode>& tree);

}  // namespace holdfast::cli
