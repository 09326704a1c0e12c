#pragma once

#include <CLI/App.hpp>
#include <string>
#include <vector>

namespace holdfast::cli {

/// A page of section 1, as man(7) source.
struct ManualPage {
  std::string name;  ///< "holdfast-key-new"
  std::string text;
};
/// One page for the program and one for each command, from the same declarations that parse the command line.
std::vector<ManualPage> manual_pages(const CLI::App& program);

}  // namespace holdfast::cli
