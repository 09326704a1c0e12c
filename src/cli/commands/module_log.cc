// holdfast module log
#include <fmt/format.h>

#include <boost/json.hpp>
#include <charconv>
#include <memory>

#include "cli/commands/module.h"
#include "cli/frame/client.h"
#include "cli/workdir/certificates.h"

namespace holdfast::cli {
namespace {

struct Options {
  std::string name;
  ClientOptions client;
};

/// The entry's index; null if the server did not say.
boost::json::value receipt_of(const fetch::Response& answer) {
  const std::string_view text = answer.header("holdfast-receipt");
  std::uint64_t index = 0;
  const auto [end, wrong] = std::from_chars(text.data(), text.data() + text.size(), index);
  if (wrong != std::errc() || end != text.data() + text.size()) return nullptr;
  return index;
}

Result<int> log(const Options& options, bool as_json) {
  HF_TRY(Client client, Client::create(options.client));
  HF_TRY(const auto answer, client.call("GET", "/v1/modules/" + percent_encode(options.name) + "/log"));
  if (as_json) {
    print_json(boost::json::object{{"module", options.name},
                                   {"receipt", receipt_of(answer)},
                                   {"salt", std::string(answer.header("holdfast-salt"))},
                                   {"log", answer.body}});
    return exit_ok;
  }
  print_text(answer.body);
  if (answer.body.empty()) print_line("it has written nothing since the server's start");
  return exit_ok;
}

}  // namespace

void add_module_log(CLI::App& group, Session& session) {
  const auto options = std::make_shared<Options>();
  CLI::App* command = add_command(
      group, session, "log",
      "What a sealed module wrote to its stderr since the server's start; for trustee and overseer, and on record",
      "  holdfast module log feed-ranker --as treasury\n"
      "  holdfast module log feed-ranker --as oracle --json | jq -r .log",
      [&session, options] { return log(*options, session.json); });
  command->add_option("NAME", options->name, "As the agreement's flows name it")->required();
  add_client_options(*command, options->client);
}

}  // namespace holdfast::cli
