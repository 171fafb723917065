#include "shell/help.h"

#include <algorithm>

#include "shell/options.h"

namespace quorate::shell {

namespace {

std::string padded(std::string text, std::size_t width) {
  text.resize(std::max(text.size() + 1, width), ' ');
  return text;
}

std::string option_text(const OptionSpec& option) {
  return std::string("-") + option.name + (option.takes_value() ? " " : "") + option.value;
}

std::string program_option_text(const OptionSpec& option) {
  const bool zkcli =
      std::string(option.name).size() == 1 ||
      std::string_view("server timeout waitforconnection client-configuration").find(option.name) !=
          std::string_view::npos;
  return (zkcli ? "" : "-") + option_text(option);
}

constexpr const char* kExitCodes[][2] = {
    {"0", "the last command worked"},
    {"1", "it was answered with an error"},
    {"2", "wrong usage; the usage line is on stderr"},
    {"3", "no connection"},
};

}  // namespace

std::string usage_line(const Command& command) {
  return std::string(command.name) + (*command.arguments != '\0' ? " " : "") + command.arguments;
}

std::string usage_list(const Style& style) {
  std::string text = style.zkcli
                         ? "ZooKeeper -server host:port -client-configuration properties-file cmd "
                           "args\n"
                         : "quorate-shell [-server host:port[,host:port...][/chroot]] [options] "
                           "[command args]\n";
  for (const Command& command : command_table()) {
    if (style.zkcli && command.ours()) continue;
    text += "\t" + usage_line(command) + "\n";
  }
  return text;
}

std::string help_list(const Style& style) {
  std::string text;
  for (const Command& each : command_table()) {
    text += colour::blue(style, padded(each.name, 22)) + each.summary + "\n";
  }
  return text + "\nhelp COMMAND explains one; --json after any command answers in JSON.\n";
}

std::string help_text(const Command& command) {
  std::string text = usage_line(command) + "\n  " + command.summary + "\n";
  for (const OptionSpec& option : command.options) {
    text += "  " + padded(option_text(option), 16) + option.help + "\n";
  }
  return text + "Example:\n  " + command.example + "\n";
}

Json help_json(const Command& command) {
  Json options = Json::array();
  for (const OptionSpec& option : command.options) {
    options.push_back({{"option", option_text(option)}, {"help", option.help}});
  }
  return Json{{"name", command.name},
              {"usage", usage_line(command)},
              {"summary", command.summary},
              {"options", options},
              {"example", command.example}};
}

std::string program_help() {
  std::string text =
      "usage: quorate-shell [options] [command args...]\n\n"
      "A shell for Quorate and ZooKeeper. Without a command, lines are read from the terminal,\n"
      "from stdin or from a file.\n\nOptions:\n";
  for (const OptionSpec& option : program_options()) {
    text += "  " + padded(program_option_text(option), 30) + option.help + "\n";
  }
  text += "\nCommands:\n";
  for (const Command& each : command_table()) {
    text += "  " + padded(each.name, 22) + each.summary + "\n";
  }
  text += "\nExit codes:\n";
  for (const auto& [code, meaning] : kExitCodes) {
    text += std::string("  ") + code + "  " + meaning + "\n";
  }
  return text;
}

namespace {

/// For roff: a leading dot or quote would be a request, a dash a hyphen.
std::string roff(std::string_view text) {
  std::string out;
  if (text.starts_with('.') || text.starts_with('\'')) out += "\\&";
  for (const char c : text) {
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
  }
  return out;
}

std::string roff_item(const std::string& term, const std::string& text) {
  return ".TP\n.B " + roff(term) + "\n" + roff(text) + "\n";
}

std::string roff_command(const Command& command) {
  std::string text = ".SS " + roff(command.name) + "\n.B " + roff(usage_line(command)) + "\n.br\n" +
                     roff(command.summary) + ".\n";
  for (const OptionSpec& option : command.options) {
    text += roff_item(option_text(option), option.help);
  }
  return text + ".PP\nExample:\n.RS\n.nf\n" + roff(command.example) + "\n.fi\n.RE\n";
}

}  // namespace

std::string manual_page() {
  std::string text =
      ".TH QUORATE\\-SHELL 1 \"\" \"Quorate\" \"User Commands\"\n"
      ".SH NAME\nquorate\\-shell \\- a shell for Quorate and ZooKeeper\n"
      ".SH SYNOPSIS\n.B quorate\\-shell\n[options] [command arguments...]\n"
      ".SH DESCRIPTION\n"
      "Looks at and changes the znodes of an ensemble. A command may be given as arguments; "
      "otherwise lines are read from the terminal, from stdin or from a file.\n"
      "Commands, options and answers are those of zkCli of ZooKeeper 3.9, and more.\n"
      ".SH OPTIONS\n";
  for (const OptionSpec& option : program_options()) {
    text += roff_item(program_option_text(option), option.help);
  }
  text += ".SH COMMANDS\nEvery command also takes\n.BR \\-\\-json .\n";
  for (const Command& each : command_table()) text += roff_command(each);
  text += ".SH EXIT STATUS\n";
  for (const auto& [code, meaning] : kExitCodes) text += roff_item(code, meaning);
  return text +
         ".SH FILES\n.TP\n.I ~/.quorate_history\nLines typed before.\n"
         ".SH ENVIRONMENT\n.TP\n.BR VISUAL , \" EDITOR\"\nWhat the command edit opens.\n"
         ".TP\n.BR CLIENT_JVMFLAGS , \" JVMFLAGS\"\nAs zkCli.sh: properties of the client, "
         "\\-Dzookeeper.client.secure=true for one.\n"
         ".TP\n.B NO_COLOR\nNo colours when set.\n"
         ".SH SEE ALSO\n.BR quorate\\-server (1)\n";
}

namespace {

std::string words_of_commands() {
  std::string text;
  for (const Command& each : command_table())
    text += std::string(text.empty() ? "" : " ") + each.name;
  return text;
}

/// Options that the question for the children of a node must have, too.
bool leads_to_server(std::string_view name) {
  constexpr std::string_view kNames[] = {"server", "client-configuration", "ca",  "cert",
                                         "key",    "key-password-file",    "tls", "any-host",
                                         "r"};
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

void add_word(std::string& words, const char* between, const std::string& word) {
  words += (words.empty() ? "" : between) + word;
}

std::string bash_completion() {
  std::string options;
  std::string valued;          // For case: "-a|--a|-b|--b".
  std::string connect;         // The same, of those that lead to the server and have no value,
  std::string connect_valued;  // and that have one.
  std::string files;
  for (const OptionSpec& each : program_options()) {
    const std::string one = std::string("-") + each.name;
    const std::string both = one + "|-" + one;
    const bool leads = leads_to_server(each.name);
    add_word(options, " ", one);
    if (leads) add_word(each.takes_value() ? connect_valued : connect, "|", both);
    if (!leads && each.takes_value()) add_word(valued, "|", both);
    if (std::string_view(each.value) == "file") add_word(files, "|", both);
  }
  std::string cases;
  for (const Command& each : command_table()) {
    std::string names;
    for (const OptionSpec& option : each.options) names += std::string(" -") + option.name;
    cases += std::string("    ") + each.name + ") words='--json" + names + "' ;;\n";
  }
  return "# bash completion for quorate-shell; made by: quorate-shell -print bash\n"
         "_quorate_shell() {\n"
         "  # Not COMP_WORDS, which are cut at the colon of host:port.\n"
         "  local line i word command= connect=() words=\n"
         "  read -ra line <<<\"${COMP_LINE:0:COMP_POINT}\"\n"
         "  [[ ${COMP_LINE:0:COMP_POINT} == *[[:space:]] ]] && line+=('')\n"
         "  local last=$((${#line[@]} - 1))\n"
         "  local current=${line[last]} previous=${line[last-1]}\n"
         "  for ((i = 1; i < last; i++)); do\n"
         "    word=${line[i]}\n"
         "    case $word in\n"
         "      " +
         connect_valued +
         ")\n"
         "        connect+=(\"$word\" \"${line[i+1]}\"); i=$((i + 1)) ;;\n"
         "      " +
         connect +
         ") connect+=(\"$word\") ;;\n"
         "      " +
         valued +
         ") i=$((i + 1)) ;;\n"
         "      -*) ;;\n"
         "      *) command=$word; break ;;\n"
         "    esac\n"
         "  done\n"
         "  case $previous in\n"
         "    " +
         files +
         ") COMPREPLY=($(compgen -f -- \"$current\")); return ;;\n"
         "    -print|--print) COMPREPLY=($(compgen -W 'man bash zsh' -- \"$current\")); return ;;\n"
         "  esac\n"
         "  case $command in\n"
         "    '') if [[ $current == -* ]]; then words='" +
         options +
         "'\n"
         "        else words='" +
         words_of_commands() + "'; fi ;;\n" + cases +
         "  esac\n"
         "  if [[ -n $command && $current == /* ]]; then\n"
         "    local parent=${current%/*} name\n"
         "    while IFS= read -r name; do words+=\" ${parent%/}/$name\"; done < <(\n"
         "      quorate-shell \"${connect[@]}\" -connect-timeout 500 ls \"${parent:-/}\" "
         "2>/dev/null |\n"
         "        sed 's/^\\[//; s/\\]$//; s/, /\\n/g')\n"
         "    compopt -o nospace 2>/dev/null\n"
         "  fi\n"
         "  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
         "}\n"
         "complete -F _quorate_shell quorate-shell\n";
}

/// For zsh: inside '...[...]' of _arguments.
std::string zsh_quoted(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else if (c == '[' || c == ']' || c == ':') {
      out += std::string("\\") + c;
    } else {
      out += c;
    }
  }
  return out;
}

std::string zsh_completion() {
  std::string text =
      "#compdef quorate-shell\n# zsh completion for quorate-shell; made by: quorate-shell -print "
      "zsh\n"
      "_quorate_shell() {\n  local -a commands\n  commands=(\n";
  for (const Command& each : command_table()) {
    text += std::string("    '") + each.name + ":" + zsh_quoted(each.summary) + "'\n";
  }
  text += "  )\n  _arguments -A '-*' \\\n";
  for (const OptionSpec& each : program_options()) {
    text += std::string("    '-") + each.name + "[" + zsh_quoted(each.help) + "]" +
            (each.takes_value() ? std::string(":") + zsh_quoted(each.value) + ":" : "") + "' \\\n";
  }
  text +=
      "    '1:command:{_describe command commands}' '*:argument:->arguments' && return\n"
      "  [[ $state == arguments && $PREFIX == /* ]] || return\n"
      "  local parent=${PREFIX%/*}\n  local -a paths\n"
      "  paths=(${(s:, :)${${\"$(quorate-shell ${opt_args[-server]:+-server "
      "${opt_args[-server]}} \\\n"
      "    -connect-timeout 500 ls ${parent:-/} 2>/dev/null)\"#\\[}%\\]}})\n"
      "  compadd -S '' -- ${parent%/}/${^paths}\n}\n_quorate_shell \"$@\"\n";
  return text;
}

}  // namespace

std::string completion_file(const std::string& shell) {
  if (shell == "bash") return bash_completion();
  return shell == "zsh" ? zsh_completion() : "";
}

}  // namespace quorate::shell
