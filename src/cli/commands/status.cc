// holdfast status
#include <fmt/format.h>

#include <boost/json.hpp>
#include <memory>

#include "cli/commands/groups.h"
#include "cli/frame/client.h"
#include "cli/frame/command.h"
#include "cli/frame/progress.h"

namespace holdfast::cli {
namespace {

namespace json = boost::json;

std::string text_of(const json::value& value) {
  return value.is_string() ? std::string(value.get_string()) : json::serialize(value);
}

/// A line a row, a member a column.
void print_rows(const json::array& rows) {
  for (const json::value& row : rows) {
    std::string line;
    if (const json::object* object = row.if_object()) {
      for (const auto& [name, value] : *object) line += fmt::format("  {} {}", std::string_view(name), text_of(value));
    }
    print_line(" " + line);
  }
  if (rows.empty()) print_line("  none");
}

void print_status(const json::object& status) {
  for (const auto& [name, value] : status) {
    const std::string_view label = name;
    if (const json::object* object = value.if_object()) {
      print_line(label);
      for (const auto& [inner, each] : *object) {
        const bool bytes = std::string_view(inner).find("bytes") != std::string_view::npos && each.is_int64();
        print_line(fmt::format("  {:28} {}", std::string_view(inner),
                               bytes ? size_text(static_cast<std::uint64_t>(each.get_int64())) : text_of(each)));
      }
    } else if (const json::array* rows = value.if_array()) {
      print_line(label);
      print_rows(*rows);
    } else {
      print_line(fmt::format("{:20} {}", label, text_of(value)));
    }
  }
}

Result<int> status(const ClientOptions& options, bool as_json) {
  HF_TRY(Client client, Client::create(options));
  HF_TRY(const auto answer, client.call("GET", "/v1/status"));
  boost::system::error_code wrong;
  const json::value parsed = json::parse(answer.body, wrong);
  if (wrong || !parsed.is_object()) {
    return fail(Code::corrupt, "cli.status.answer", client.server(),
                "the answer is not JSON; is this a Holdfast server?");
  }
  as_json ? print_json(parsed) : print_status(parsed.get_object());
  return exit_ok;
}

}  // namespace

void add_status(CLI::App& program, Session& session) {
  const auto options = std::make_shared<ClientOptions>();
  CLI::App* command =
      add_command(program, session, "status", "What the server is up to: agreement, limits, log, storage",
                  "  holdfast status --as oracle\n"
                  "  holdfast status --as treasury --json | jq .limits",
                  [&session, options] { return status(*options, session.json); });
  add_client_options(*command, *options);
}

}  // namespace holdfast::cli
