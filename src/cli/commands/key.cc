// holdfast key new|show|certificate|rotate-root
#include <fmt/format.h>

#include <boost/json.hpp>
#include <filesystem>
#include <memory>
#include <vector>

#include "base/file.h"
#include "base/note.h"
#include "base/secret.h"
#include "cli/commands/groups.h"
#include "cli/frame/client.h"
#include "cli/frame/command.h"
#include "cli/frame/passphrase.h"
#include "cli/workdir/certificates.h"
#include "cli/workdir/workdir.h"
#include "server/config.h"

namespace holdfast::cli {
namespace {

namespace json = boost::json;

struct Options {
  std::string name, out, file;
  bool passphrase = false;
  std::string dir, party, subject;
  bool server = false;
  std::vector<std::string> hosts;
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
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(path, ignored)) HF_CHECK(require_output(path));  // else save() refuses
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

/// Of a private key file its public part; a public key is one already, and may be read by anyone.
Result<VerifierKey> public_part(const std::string& path) {
  HF_TRY(std::string text, read_input(path, 4096));
  auto verifier = VerifierKey::parse(text);
  wipe(text);
  if (verifier) return verifier;
  HF_TRY(const SigningKey key, load_key(path));
  return key.verifier();
}

Result<int> show_key(const Options& options, bool as_json) {
  HF_TRY(const VerifierKey verifier, public_part(options.file));
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

Result<Authority> open_authority(const WorkDir& dir) {
  HF_CHECK(require_private(dir.authority_key()));
  HF_TRY(std::string certificate, read_file(dir.authority_certificate()));
  HF_TRY(std::string key, read_file(dir.authority_key()));
  PemPair pem{std::move(certificate), std::move(key)};
  auto authority = Authority::open(pem);
  wipe(pem.key);
  return authority;
}

Result<int> certify_caller(const Options& options, const WorkDir& dir, const std::string& trust_domain, bool as_json) {
  const bool of_party = !options.party.empty();
  const std::string& name = of_party ? options.party : options.subject;
  HF_CHECK(of_party ? check_party(name) : check_subject(name));
  HF_TRY(const Authority authority, open_authority(dir));
  CertificateWish wish;
  wish.common_name = of_party ? name : "subject";
  wish.uri = of_party ? spiffe_party(trust_domain, name) : spiffe_subject(trust_domain, name);
  wish.days = options.days;
  HF_TRY(const PemPair pair, authority.issue(wish));
  const std::string profile = of_party ? name : subject_profile(name);
  const std::string base = options.out.empty() ? dir.path() + "/clients/" + profile : options.out;
  std::error_code ignored;
  const auto parent = std::filesystem::path(base).parent_path();
  if (!parent.empty()) std::filesystem::create_directories(parent, ignored);
  HF_CHECK(require_output(base + ".crt"));
  HF_CHECK(write_pair(base + ".crt", base + ".key", pair));
  if (as_json) {
    print_json(json::object{{"certificate", base + ".crt"}, {"key", base + ".key"}, {"uri", wish.uri}});
  } else {
    print_line(fmt::format("{}.crt and {}.key: {}, for {} days", base, base, wish.uri, wish.days));
    if (options.out.empty()) print_line("Use it with: --as " + profile);
  }
  return exit_ok;
}

/// The names that the server's new certificate is to have: as asked, else those of the one that it replaces.
Result<std::vector<std::string>> server_hosts(const Options& options, const Authority& authority,
                                              const std::string& path) {
  const auto present = read_file(path);
  if (present && !authority.has_issued(*present)) {
    return fail(Code::conflict, "certificate.foreign", path,
                "this certificate is not of this directory's authority; renew it where it was issued, or move it away");
  }
  if (!options.hosts.empty()) return options.hosts;
  if (!present) {
    return fail(Code::invalid, "certificate.hosts", path,
                "there is no certificate whose names could be taken over; give each name with --host");
  }
  HF_TRY(CertificateFacts facts, read_certificate(*present));
  return std::move(facts.names);
}

Result<int> certify_server(const Options& options, const WorkDir& dir, const server::Config& config, bool as_json) {
  HF_TRY(const Authority authority, open_authority(dir));
  HF_TRY(const auto hosts, server_hosts(options, authority, config.tls.certificate));
  HF_TRY(const PemPair pair, authority.issue({hosts.front(), "", hosts, options.days}));
  if (options.out.empty()) {
    HF_CHECK(replace_pair(config.tls.certificate, config.tls.key, pair));
  } else {
    HF_CHECK(require_output(options.out + ".crt"));
    HF_CHECK(write_pair(options.out + ".crt", options.out + ".key", pair));
  }
  const std::string certificate = options.out.empty() ? config.tls.certificate : options.out + ".crt";
  const std::string key = options.out.empty() ? config.tls.key : options.out + ".key";
  if (as_json) {
    print_json(json::object{{"certificate", certificate}, {"key", key}, {"hosts", json::value_from(hosts)}});
    return exit_ok;
  }
  print_line(fmt::format("{} and {}: {}, for {} days", certificate, key, fmt::join(hosts, ", "), options.days));
  if (const auto ready = read_ready(dir.ready_file()); ready && options.out.empty()) {
    print_line(fmt::format("The running server takes it without stopping: kill -HUP {}", ready->pid));
  }
  return exit_ok;
}

Result<int> make_certificate(const Options& options, bool as_json) {
  const WorkDir dir(options.dir);
  HF_TRY(const server::Config config, server::load_config(dir.config()));
  return options.server ? certify_server(options, dir, config, as_json)
                        : certify_caller(options, dir, config.trust_domain, as_json);
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

void add_certificate(CLI::App& group, Session& session, const std::shared_ptr<Options>& options) {
  CLI::App* command =
      add_command(group, session, "certificate",
                  "Issue a certificate from the working directory's authority, for a caller or the "
                  "server",
                  "  holdfast key certificate --party app-us --dir /srv/holdfast\n"
                  "  holdfast key certificate --server --dir /srv/holdfast && systemctl reload holdfast",
                  [&session, options] { return make_certificate(*options, session.json); });
  auto* party = command->add_option("--party", options->party, "For a party of the agreement");
  auto* subject = command->add_option("--subject", options->subject, "For a person, by the subject's id");
  auto* server =
      command->add_flag("--server", options->server,
                        "For the server itself: replaces its key and certificate; SIGHUP makes it take them");
  party->excludes(subject)->excludes(server);
  subject->excludes(server);
  command
      ->add_option("--host", options->hosts,
                   "With --server: name or address of the server, may be repeated (default: those it has)")
      ->allow_extra_args(false)
      ->needs(server);
  command->add_option("--dir", options->dir, "Working directory (default: $HOLDFAST_DIR, or .)");
  command->add_option("--output,-o", options->out,
                      "Write OUTPUT.crt and OUTPUT.key (default: clients/NAME; the server's own)");
  command->add_option("--days", options->days, "How long it holds")->check(CLI::Range(1, 3650))->capture_default_str();
  command->parse_complete_callback([options] {
    if (!options->server && options->party.empty() == options->subject.empty()) {
      throw CLI::ValidationError("give --party NAME, --subject ID or --server");
    }
  });
}

}  // namespace

void add_key(CLI::App& program, Session& session) {
  const auto options = std::make_shared<Options>();
  CLI::App* group = add_group(program, "key", "Make and show keys and certificates");

  CLI::App* making = add_command(*group, session, "new", "Make a signing key (Ed25519), for a party or a log",
                                 "  holdfast key new treasury -o treasury.key\n"
                                 "  holdfast key new oracle --passphrase",
                                 [&session, options] { return make_key(*options, session.json); });
  making->add_option("NAME", options->name, "Whose: a party's name, or a log's origin")->required();
  making->add_option("--output,-o", options->out, "Private key file to write, mode 0600 (default: NAME.key)");
  making->add_flag("--passphrase", options->passphrase,
                   "Seal the file with a passphrase, from the terminal or $HOLDFAST_PASSPHRASE");

  CLI::App* showing = add_command(*group, session, "show", "The public part of a key file",
                                  "  holdfast key show treasury.key > treasury.vkey\n"
                                  "  holdfast key show treasury.key --json | jq -r .id",
                                  [&session, options] { return show_key(*options, session.json); });
  showing->add_option("FILE", options->file, "A private key file, or a public one")->required();

  add_certificate(*group, session, options);

  CLI::App* rotating =
      add_command(*group, session, "rotate-root", "Make a new root key on the server; no record is rewritten",
                  "  holdfast key rotate-root --as oracle\n"
                  "  holdfast key rotate-root --as oracle --dir /srv/holdfast --json",
                  [&session, options] { return rotate_root(*options, session.json); });
  add_client_options(*rotating, options->client);
}

}  // namespace holdfast::cli
