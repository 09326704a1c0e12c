// holdfast key new|show|certificate|rotate-root
#include <fmt/format.h>

#include <boost/json.hpp>
#include <filesystem>
#include <memory>

#include "base/file.h"
#include "base/note.h"
#include "base/secret.h"
#include "cli/certificates.h"
#include "cli/client.h"
#include "cli/command.h"
#include "cli/passphrase.h"
#include "cli/workdir.h"
#include "server/config.h"

namespace holdfast::cli {
namespace {

namespace json = boost::json;

struct Options {
  std::string name, out, file;
  bool passphrase = false;
  std::string dir, party, subject;
  int days = 365;
  ClientOptions client;
};

Result<int> make_key(const Options& options, bool as_json) {
  HF_TRY(const SigningKey key, SigningKey::generate(options.name));
  // A log's name may hold slashes; a file's may not.
  std::string path = options.out;
  if (path.empty()) {
    path = options.name + ".key";
    for (char& c : path) c = c == '/' ? '_' : c;
  }
  std::string passphrase;
  if (options.passphrase) {
    HF_TRY(passphrase, read_new_passphrase());
  }
  const auto saved = key.save(path, passphrase);
  wipe(passphrase);
  HF_CHECK(saved);
  if (as_json) {
    print_json(json::object{{"file", path}, {"verifier_key", key.verifier().text()}});
  } else {
    print_line(key.verifier().text());
    fmt::print(stderr, "{}: the private key, for this party alone; the line above is public, for the agreement\n",
               path);
  }
  return exit_ok;
}

Result<int> show_key(const Options& options, bool as_json) {
  HF_TRY(const SigningKey key, load_key(options.file));
  const VerifierKey& verifier = key.verifier();
  if (as_json) {
    print_json(json::object{{"file", options.file},
                            {"name", verifier.name()},
                            {"id", fmt::format("{:08x}", verifier.id())},
                            {"verifier_key", verifier.text()}});
  } else {
    print_line(verifier.text());
  }
  return exit_ok;
}

Result<int> make_certificate(const Options& options, bool as_json) {
  const WorkDir dir(options.dir);
  HF_TRY(const server::Config config, server::load_config(dir.config()));
  HF_CHECK(require_private(dir.authority_key()));
  HF_TRY(PemPair pem, [&]() -> Result<PemPair> {
    HF_TRY(std::string certificate, read_file(dir.authority_certificate()));
    HF_TRY(std::string key, read_file(dir.authority_key()));
    return PemPair{std::move(certificate), std::move(key)};
  }());
  auto authority = Authority::open(pem);
  wipe(pem.key);
  if (!authority) return tl::unexpected(std::move(authority).error());
  const bool of_party = !options.party.empty();
  const std::string& name = of_party ? options.party : options.subject;
  CertificateWish wish;
  wish.common_name = of_party ? name : "subject";
  wish.uri = of_party ? spiffe_party(config.trust_domain, name) : spiffe_subject(config.trust_domain, name);
  wish.days = options.days;
  HF_TRY(const PemPair pair, authority->issue(wish));
  const std::string profile = of_party ? percent_encode(name) : "subject-" + percent_encode(name);
  const std::string base = options.out.empty() ? dir.path() + "/clients/" + profile : options.out;
  std::error_code ignored;
  const auto parent = std::filesystem::path(base).parent_path();
  if (!parent.empty()) std::filesystem::create_directories(parent, ignored);
  HF_CHECK(write_pair(base + ".crt", base + ".key", pair));
  if (as_json) {
    print_json(json::object{{"certificate", base + ".crt"}, {"key", base + ".key"}, {"uri", wish.uri}});
  } else {
    print_line(fmt::format("{}.crt and {}.key: {}, for {} days", base, base, wish.uri, wish.days));
    if (options.out.empty()) print_line("Use it with: --as " + profile);
  }
  return exit_ok;
}

Result<int> rotate_root(const Options& options, bool as_json) {
  HF_TRY(Client client, Client::create(options.client));
  HF_TRY(const auto answer, client.call("POST", "/v1/root-key/rotation"));
  if (as_json) {
    print_body(answer.body);
  } else {
    print_line("the root key is new, and every subject's data key is wrapped by it");
    print_line("Older backups still need the older root key: keep the key file that belongs to them.");
  }
  return exit_ok;
}

}  // namespace

void add_key(CLI::App& program, Session& session) {
  const auto options = std::make_shared<Options>();
  CLI::App* group = add_group(program, "key", "Make and show keys and client certificates");

  CLI::App* making = add_command(*group, session, "new", "Make a signing key (Ed25519), for a party or a log",
                                 "  holdfast key new treasury -o treasury.key\n"
                                 "  holdfast key new oracle --passphrase",
                                 [&session, options] { return make_key(*options, session.json); });
  making->add_option("NAME", options->name, "Whose: a party's name, or a log's origin")->required();
  making->add_option("--output,-o", options->out, "Private key file to write, mode 0600 (default: NAME.key)");
  making->add_flag("--passphrase", options->passphrase,
                   "Seal the file with a passphrase, from the terminal or $HOLDFAST_PASSPHRASE");

  CLI::App* showing = add_command(*group, session, "show", "The public part of a private key file",
                                  "  holdfast key show treasury.key > treasury.vkey\n"
                                  "  holdfast key show treasury.key --json | jq -r .id",
                                  [&session, options] { return show_key(*options, session.json); });
  showing->add_option("FILE", options->file, "A private key file")->required();

  CLI::App* certificate =
      add_command(*group, session, "certificate", "Issue a client certificate from the working directory's authority",
                  "  holdfast key certificate --party app-us --dir /srv/holdfast\n"
                  "  holdfast key certificate --subject u-1007 -o ./u-1007 --days 30",
                  [&session, options] { return make_certificate(*options, session.json); });
  auto* party = certificate->add_option("--party", options->party, "For a party of the agreement");
  auto* subject = certificate->add_option("--subject", options->subject, "For a person, by the subject's id");
  party->excludes(subject);
  certificate->add_option("--dir", options->dir, "Working directory (default: $HOLDFAST_DIR, or .)");
  certificate->add_option("--output,-o", options->out, "Write OUTPUT.crt and OUTPUT.key (default: clients/NAME)");
  certificate->add_option("--days", options->days, "How long it holds")
      ->check(CLI::Range(1, 3650))
      ->capture_default_str();
  certificate->parse_complete_callback([options] {
    if (options->party.empty() == options->subject.empty()) {
      throw CLI::ValidationError("give --party NAME or --subject ID");
    }
  });

  CLI::App* rotating =
      add_command(*group, session, "rotate-root", "Make a new root key on the server; no record is rewritten",
                  "  holdfast key rotate-root --as oracle\n"
                  "  holdfast key rotate-root --as oracle --dir /srv/holdfast --json",
                  [&session, options] { return rotate_root(*options, session.json); });
  add_client_options(*rotating, options->client);
}

}  // namespace holdfast::cli
