#include "cli/frame/passphrase.h"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include <cstdlib>

#include "base/secret.h"

namespace holdfast::cli {
namespace {

constexpr std::size_t kPassphraseBytesMax = 1024;

/// The terminal itself, whatever stdin is; echo is off while this lives.
class SilentTerminal {
 public:
  SilentTerminal() : fd_(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)) {
    if (fd_ < 0 || ::tcgetattr(fd_, &before_) != 0) return;
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    silenced_ = ::tcsetattr(fd_, TCSAFLUSH, &silent) == 0;
  }
  ~SilentTerminal() {
    if (silenced_) ::tcsetattr(fd_, TCSAFLUSH, &before_);
    if (fd_ >= 0) ::close(fd_);
  }
  SilentTerminal(const SilentTerminal&) = delete;
  SilentTerminal& operator=(const SilentTerminal&) = delete;

  bool usable() const { return silenced_; }
  bool say(const std::string& text) const {
    return ::write(fd_, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  }
  std::string read_line() const {
    std::string line;
    line.reserve(kPassphraseBytesMax);  // never moved, so no copy stays behind
    char c = 0;
    while (line.size() < kPassphraseBytesMax && ::read(fd_, &c, 1) == 1 && c != '\n') line.push_back(c);
    return line;
  }

 private:
  int fd_;
  termios before_{};
  bool silenced_ = false;
};

}  // namespace

Result<std::string> read_passphrase(const std::string& prompt) {
  if (const char* given = std::getenv("HOLDFAST_PASSPHRASE")) return std::string(given);
  const SilentTerminal terminal;
  if (!terminal.usable()) {
    return fail(Code::invalid, "cli.passphrase.missing", "",
                "a passphrase is needed and there is no terminal to ask on; set HOLDFAST_PASSPHRASE");
  }
  terminal.say(prompt);
  std::string line = terminal.read_line();
  terminal.say("\n");
  return line;
}

Result<std::string> read_new_passphrase() {
  HF_TRY(std::string first, read_passphrase("New passphrase: "));
  if (first.empty()) return fail(Code::invalid, "cli.passphrase.empty", "", "the passphrase must not be empty");
  HF_TRY(std::string second, read_passphrase("The same again: "));
  const bool same = first == second;
  wipe(second);
  if (same) return first;
  wipe(first);
  return fail(Code::invalid, "cli.passphrase.differs", "", "the two passphrases differ; try again");
}

Result<SigningKey> load_key(const std::string& path) {
  HF_TRY(const bool encrypted, SigningKey::is_encrypted(path));
  if (!encrypted) return SigningKey::load(path);
  HF_TRY(std::string passphrase, read_passphrase("Passphrase for " + path + ": "));
  auto key = SigningKey::load(path, passphrase);
  wipe(passphrase);
  return key;
}

}  // namespace holdfast::cli
