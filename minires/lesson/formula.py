"""LaTeX formulas as a line of text, for terminals: `\\tfrac12\\,n_l` becomes ½ nₗ."""

import re
import unicodedata

TOKEN = re.compile(r"\\[a-zA-Z]+\*?\s*|\\.|\s+|.", re.DOTALL)

SYMBOLS = """
    alpha α beta β gamma γ delta δ epsilon ε varepsilon ε zeta ζ eta η theta θ iota ι kappa κ lambda λ mu
    μ nu ν xi ξ pi π rho ρ sigma σ tau τ upsilon υ phi φ varphi φ chi χ psi ψ omega ω Gamma Γ Delta Δ
    Theta Θ Lambda Λ Xi Ξ Pi Π Sigma Σ Phi Φ Psi Ψ Omega Ω ell ℓ partial ∂ nabla ∇ infty ∞ sum Σ prod Π
    int ∫ top ᵀ circ ° prime ′ lbrace { rbrace } dots … ldots … cdots ⋯ vdots ⋮ lfloor ⌊ rfloor ⌋ lceil ⌈
    rceil ⌉ lvert | rvert | lVert ‖ rVert ‖ Vert ‖ langle ⟨ rangle ⟩
"""
BETWEEN = """
    cdot · times × odot ⊙ pm ± approx ≈ le ≤ leq ≤ ge ≥ geq ≥ ne ≠ neq ≠ ll ≪ gg ≫ sim ~ in ∈ mid | to →
    mapsto ↦ rightarrow → leftarrow ← Rightarrow ⇒ propto ∝ equiv ≡ subseteq ⊆ ast * star * bmod mod
"""  # these are set off by spaces
SYMBOLS = dict(zip(SYMBOLS.split()[::2], SYMBOLS.split()[1::2], strict=True))
SYMBOLS |= {name: f" {sign} " for name, sign in zip(BETWEEN.split()[::2], BETWEEN.split()[1::2], strict=True)}
SYMBOLS |= {"quad": "  ", "qquad": "  "}
PUNCTUATION = {",": " ", ";": " ", ":": " ", " ": " ", "!": "", "\\": "\n", "|": "‖"}
DROPPED = set("left right big Big bigg Bigg bigl bigr Bigl Bigr displaystyle limits nolimits".split())
STYLES = set(
    "text textbf textit textrm mathrm mathbf mathit mathsf mathcal boldsymbol bm operatorname".split()
)
ACCENTS = {"hat": "\u0302", "bar": "\u0304", "tilde": "\u0303", "dot": "\u0307", "overline": "\u0304"}
BLACKBOARD = dict(zip("ENRZ", "𝔼ℕℝℤ", strict=True))
BRACKETS = {"pmatrix": "()", "bmatrix": "[]", "vmatrix": "||"}
VULGAR = {("1", "2"): "½", ("1", "3"): "⅓", ("1", "4"): "¼", ("3", "4"): "¾"}
RAISED = dict(
    zip(
        "0123456789+-=()nijkTabcdeghlmoprstuvwxyzLN",
        "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱʲᵏᵀᵃᵇᶜᵈᵉᵍʰˡᵐᵒᵖʳˢᵗᵘᵛʷˣʸᶻᴸᴺ",
        strict=True,
    )
)
LOWERED = dict(zip("0123456789+-=()aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ", strict=True))

FACTOR = re.compile(r"[∂∇√]?(\d[\d.]*|[^\W\d])[²³¹⁰-₟ᵢ-ᵪⱼᴬ-ᵿ\u0300-\u036f]*|[√\w]*(\([^()]*\)|\[[^][]*\])")
PRODUCT = re.compile(r"[\w.∂∇√⁰-₟\u0300-\u036f]+|" + FACTOR.pattern)


def readable(latex):
    """Return a formula in Unicode, as near to what LaTeX would print as text can be; rows become lines.

    What is not known, such as the command of a function, keeps its name: `\\log x` is log x.
    """
    tokens = TOKEN.findall(latex)[::-1]  # the next one is the last
    lines = (re.sub(r"\s+", " ", line).strip() for line in _group(tokens, end=None).split("\n"))
    return "\n".join(re.sub(r"(?<=[(\[{]) | (?=[)\]},.;:])", "", line) for line in lines if line)


def _group(tokens, end):
    text = ""
    while tokens:
        token = tokens.pop()
        if token == end:
            break
        text += _scripted(token, tokens) if token in "^_" else _one(token, tokens)
    return text


def _one(token, tokens):
    """Return the text of a token and of the arguments that it takes from the tokens after it."""
    if token == "{":
        return _group(tokens, end="}")
    if not token.startswith("\\"):
        return " " if token.isspace() or token == "~" else token
    name = token[1:].strip() or " "
    if name in ("frac", "tfrac", "dfrac"):
        return _fraction(_argument(tokens), _argument(tokens))
    if name == "binom":
        return f"({_argument(tokens)} choose {_argument(tokens)})"
    if name == "sqrt":
        return f"√{_bracketed(_argument(tokens))}"
    if name in ACCENTS:
        below = _argument(tokens)
        return unicodedata.normalize("NFC", below + ACCENTS[name]) if len(below) == 1 else f"{name}({below})"
    if name == "mathbb":
        letter = _argument(tokens)
        return BLACKBOARD.get(letter, letter)
    if name in STYLES or name.rstrip("*") in STYLES:
        return _argument(tokens)
    if name == "begin":
        return _environment(_argument(tokens), tokens)
    if name == "end":
        return _argument(tokens) and ""
    if name in DROPPED:
        return ""
    sign = SYMBOLS.get(name, PUNCTUATION.get(name, name))
    return f"{sign} " if token[-1].isspace() and sign not in "∂∇" else sign  # TeX sees no such spaces, we do


def _environment(name, tokens):
    """Return aligned equations as lines, and the rows of anything else as {a, b; c, d}."""
    end = next((i for i in reversed(range(len(tokens))) if tokens[i].startswith("\\end")), -1)
    inside, tokens[end + 1 :] = tokens[end + 1 :], []
    text = _group(inside, end=None)
    if name.rstrip("*") in ("aligned", "align", "split", "gather", "gathered", "equation"):
        return text.replace("&", "")
    rows = "; ".join(", ".join(cell.strip() for cell in row.split("&")) for row in text.strip().split("\n"))
    brackets = BRACKETS.get(name, "{}")
    return f"{brackets[0]}{rows}{brackets[1]}"


def _argument(tokens):
    while tokens and tokens[-1].isspace():
        tokens.pop()
    return _one(tokens.pop(), tokens).strip() if tokens else ""


def _fraction(above, below):
    return VULGAR.get((above, below)) or f" {_bracketed(above, PRODUCT)}/{_bracketed(below)} "


def _bracketed(text, simple=FACTOR):
    """Put brackets around text, unless it is simple: one factor, or what else may stand bare there."""
    return text if simple.fullmatch(text) else f"({text})"


def _scripted(sign, tokens):
    """Return raised or lowered text where Unicode has the letters and it stays legible, else ^(...)."""
    text = _argument(tokens)
    letters = RAISED if sign == "^" else LOWERED
    short = text.replace(" ", "") if sign == "^" else re.sub("[ ,]", "", text)
    if len(short) <= 5 and "(" not in short[1:] and all(letter in letters for letter in short):
        return "".join(letters[letter] for letter in short)
    if text in ("′", "ᵀ", "°"):
        return text
    bare = text.isalnum() or (text.startswith("[") and text.endswith("]"))
    return sign + (text if bare else f"({text})")
