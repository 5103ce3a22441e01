# shellcheck shell=bash
# readme_command NAME prints the commands in the README's code block that follows the line <!-- NAME -->.
readme_command() {
    awk -v mark="<!-- $1 -->" '$0 == mark { found = 1; next } found && /^```/ { if (inside) exit; inside = 1; next } inside' README.md |
        grep . || { echo "README.md has no commands marked <!-- $1 -->" >&2; return 1; }
}
