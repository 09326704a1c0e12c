// holdfast export, erase, restrict: what a subject may ask for
#include <fmt/format.h>
#include <unistd.h>

#include <iostream>
#include <memory>

#include "cli/commands/groups.h"
#include "cli/frame/client.h"
#include "cli/frame/command.h"
#include "cli/workdir/certificates.h"
#include "vault/names.h"

namespace holdfast::cli {
namespace {

struct Options {
  std::string subject, out;
  bool yes = false, lift = false;
  ClientOptions client;
};

std::string path_of(const Options& options, std::string_view what) {
  return fmt::format("/v1/subjects/{}{}", percent_encode(options.subject), what);
}

Result<int> export_subject(const Options& options, bool as_json) {
  // First, since that it was asked for goes on record, and who received it is told by it.
  HF_CHECK(require_output(options.out, files_of(options.client)));
  HF_TRY(Client client, Client::create(options.client));
  HF_TRY(const auto answer, client.call("GET", path_of(options, "/export")));
  if (options.out.empty()) {
    print_line(answer.body);
  } else {
    HF_CHECK(write_output(options.out, answer.body + "\n", 0600));
    print_line(as_json ? fmt::format(R"({{"receipt":{},"salt":"{}"}})", answer.header("holdfast-receipt"),
                                     answer.header("holdfast-salt"))
                       : options.out + ": everything held on this subject");
  }
  fmt::print(stderr, "receipt {}, salt {}\n", answer.header("holdfast-receipt"), answer.header("holdfast-salt"));
  return exit_ok;
}

Result<void> confirm(const Options& options) {
  if (options.yes) return {};
  if (::isatty(STDIN_FILENO) == 1) {
    fmt::print(stderr, "Erase everything held on '{}'? It cannot be undone. Type the id again: ", options.subject);
    std::string typed;
    if (std::getline(std::cin, typed) && typed == options.subject) return {};
  }
  return fail(Code::invalid, "cli.erase.unconfirmed", "",
              "nothing was erased: type the subject's id when asked, or give --yes");
}

Result<int> erase(const Options& options, bool as_json) {
  HF_CHECK(confirm(options));
  HF_TRY(Client client, Client::create(options.client));
  HF_TRY(const auto answer, client.call("DELETE", path_of(options, "")));
  if (as_json) {
    print_body(answer.body);
  } else {
    const std::string receipt(answer.header("holdfast-receipt"));
    // Keys of an old backup had brought it back.
    const std::string entry =
        receipt == "0" ? "its erasure stood in the evidence before" : "entry " + receipt + " of the evidence";
    print_line(
        fmt::format("erased here: the trustee can no longer read what it held, from no file of its own; {}.\nWhat "
                    "others were given before, models that were made of it and older backups of keys are "
                    "not called back; an export before an erasure tells who was given what.",
                    entry));
  }
  return exit_ok;
}

Result<int> restrict(const Options& options, bool as_json) {
  HF_TRY(Client client, Client::create(options.client));
  HF_TRY(const auto answer, client.call(options.lift ? "DELETE" : "PUT", path_of(options, "/restriction")));
  const std::string_view receipt = answer.header("holdfast-receipt");
  if (as_json) {
    print_line(fmt::format(R"({{"restricted":{},"receipt":{}}})", !options.lift, receipt));
  } else {
    print_line(fmt::format("{}: entry {} of the evidence",
                           options.lift ? "lifted, flows give this subject again" : "restricted, every flow refuses",
                           receipt));
  }
  return exit_ok;
}

}  // namespace

void add_subject(CLI::App& program, Session& session) {
  const auto options = std::make_shared<Options>();
  const auto add = [&](const char* name, const char* what, const char* examples, auto action) {
    // Better told here than by the server.
    const auto checked = [options, action]() -> Result<int> {
      HF_CHECK(vault::check_subject_id(options->subject));
      return action();
    };
    CLI::App* command = add_command(program, session, name, what, examples, checked);
    command->add_option("SUBJECT", options->subject, "The subject's id")->required();
    add_client_options(*command, options->client);
    return command;
  };
  add("export", "Everything held on a subject, and who got what when",
      "  holdfast export u-1007 --as app-us -o u-1007.json\n"
      "  holdfast export u-1007 --as subject-u-1007 | jq .recipients",
      [&session, options] { return export_subject(*options, session.json); })
      ->add_option("--output,-o", options->out, "Write it to this file, mode 0600");
  add("erase", "Erase a subject: from records, keys and files",
      "  holdfast erase u-1007 --as app-us\n"
      "  holdfast erase u-1007 --as subject-u-1007 --yes --json",
      [&session, options] { return erase(*options, session.json); })
      ->add_flag("--yes", options->yes, "Do not ask");
  add("restrict", "Stop every flow of a subject's data (GDPR Article 18), or let it go on",
      "  holdfast restrict u-1007 --as app-us\n"
      "  holdfast restrict u-1007 --lift --as app-us",
      [&session, options] { return restrict(*options, session.json); })
      ->add_flag("--lift", options->lift, "End the restriction");
}

}  // namespace holdfast::cli
