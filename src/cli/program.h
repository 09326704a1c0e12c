#pragma once

#include <CLI/App.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/frame/command.h"

namespace holdfast::cli {

/// The whole tree of commands, their actions writing to `session`, which must outlive it.
std::unique_ptr<CLI::App> make_program(Session& session);

/// The first word of `arguments` that should name a command and does not: said with near names; nothing when all is
/// well so far. CLI11 itself would only say that the word was not expected.
std::optional<Error> find_unknown_command(const CLI::App& program, const std::vector<std::string>& arguments);

/// `holdfast`: parses, runs, prints; answers the exit code.
int run(int argc, char** argv);

}  // namespace holdfast::cli
