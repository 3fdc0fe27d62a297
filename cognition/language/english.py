"""English for `assertions`: the words and phrases that show what a clause says, and of what."""

import re

from cognition.language.text import terms


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


def stems(text: str) -> frozenset[str]:
    """The terms of a text, each once, in one spelling.

    Args:
        text: any text, or words with spaces between.

    Returns:
        Terms, as `cognition.language.text.terms` gives them.

    Source: none.

    >>> sorted(stems("My favourite colour"))
    ['color', 'favorit']
    """
    return frozenset(SPELLINGS.get(term, term) for term in terms(text))


def _stem(word: str) -> str:
    return next(iter(stems(word)))


SPELLINGS = {"favourit": "favorit", "colour": "color", "goe": "go"}

# "Mr. Brown" is no end of a sentence.
SENTENCE = re.compile(r"(.+?)((?<!\b[MDS][rst])(?<!\bMrs)[.!?;]++(?=[\s\"'”’)]|$)|\n|$)", re.DOTALL)
BETWEEN_CLAUSES = re.compile(
    r"[,:()—–]\s+|\s[-—–]\s"
    r"|\s(?:but|because|so|while)\s|\sand\s(?=(?:i|we|my|our|it|he|she|they|the)\b)",
    re.IGNORECASE,
)
CONTRACTED = {"m": "am", "re": "are", "ve": "have", "ll": "will", "d": "would"}
CONTRACTED_NEGATIONS = {
    "can't": "can",
    "cannot": "can",
    "won't": "will",
    "shan't": "shall",
    "ain't": "is",
}
# Other words for the same: each is read as what stands beside it.
REWORDED = [
    (re.compile(pattern), said)
    for pattern, said in (
        (r"\b(?:can|could) not (?:stand|bear)\b", "hate"),
        (r"\b(?:am|is|are) (?:an? (?:big |huge )?fan of|fond of|keen on)\b", "like"),
        (r"\b(?:have|has) (?:come|grown|learned|learnt) to\b", "now"),
        (r"\b(?:learned|learnt) (?:how )?to\b", "can now"),
        (r"\b(am|is|are) (an? )?non (?=\w)", r"\1 not \2"),
        (r"\b(?:have |has )?(?:started|begun|began) (?=\w+ing\b)", "is now "),
        (r"\b(?:have |has )?given birth\b.*|\bgave birth\b.*", "is no longer pregnant"),
        (r"\b(?:have |has )?reopened\b", "is now open"),
        (r"\b(am|is|are) (?:back|home) from\b", r"\1 no longer in"),
    )
]
# "it's" is "it is"; "Ann's" may be hers.
NO_OWNERS = _set("it that he she there what who here")

# What a clause is about.
OPENERS = _set(
    "and but so oh ah well correction update yes no yeah also still ok okay today then hey hi hello"
    " sorry anyway unfortunately sadly luckily that"
)
REPORTS = _set("say says said think thinks believe believes means that found heard out")
REPORTED = _set("i we my our that the")
SPEAKERS = _set("i we")
OWNERS = _set("i we my our")
DETERMINERS = _set("a an the my our")
BEFORE_NOUNS = DETERMINERS | {"after", "at", "before", "from", "for"}
USER = "user"  # Those who write about the speaker call him so.
DIRECTIONS = _set("from to")  # "the train from Rome" is not the one to it.
# What these stand for was said elsewhere.
ELSEWHERE = _set(
    "it this that these those there here he she they his her hers their its him them you yours your"
    " who what which how why when where one everyone everybody everything someone something nobody"
    " nothing anyone anything some any all many most both none another other others"
)
SUPPOSED = _set("if would could should might maybe perhaps wish hope unless whether let let's")
ASIDES = _set("with who which that where")
MORE = _set("also too another besides plus both extra additionally")
AS_WELL = re.compile(r"\bas well\b(?! as)|\bin addition\b")
OFTEN = stems("usually always often daily sometimes regularly")

# Its verb.
BE = _set("am is are be been being was were")
HAVE = _set("has have")
WAS = _set("was were had did")
NOT = _set("not never")
AUXILIARIES = BE | HAVE | WAS | NOT | _set("do does will shall can gonna")
AUXILIARIES |= _set("still usually always already really just recently finally only officially")
CHANGED = _set(
    "changed changing switched updated upgraded renamed migrated"
    " downgraded transferred promoted raised lowered increased decreased reduced extended shortened"
    " moved moving relocated postponed rescheduled pushed delayed shifted slipped"
)
ENDED = _set("cancelled canceled scrapped discontinued died")
APART = re.compile(r"\b(?:broke|broken|split) up$|\bgot divorced$")
PRESENT = _set(
    "live lives living reside resides work works working prefer prefers drive drives open opens"
    " close closes start starts begin begins end ends finish finishes leave leaves depart departs"
    " arrive arrives cost costs weigh weighs take takes last lasts earn earns pay pays go goes need"
    " needs use uses play plays like likes love loves hate hates study studies teach teaches drink"
    " drinks eat eats own owns want wants fail fails pass passes sleep sleeps"
    " stay stays sit sits stand stands run runs"
)
VERBS = AUXILIARIES | PRESENT | CHANGED
GOES_ON = _set("is has does will no now works lives uses goes takes left quit stopped") | CHANGED
ENDING = _set(
    "called left quit stopped stepped retired resigned dropped gave sold died broke split"
)
# After a subject in the singular; "the office hours" is none.
SINGULAR = re.compile(r"(?<![s'])s$")
PAST = _set(
    "went ran saw met bought gave got had made took came said told ate drank drove found felt left"
    " wrote read won lost spent sent slept swam rode flew taught thought began built brought caught"
    " knew kept paid put sat sang stood wore heard held hit hurt grew forgot fell chose"
)
LOCATED = _set("hosted located kept stored scheduled planned")
PRONOUNS = stems("one")  # "no longer looking for one"
PAST_ENDING = re.compile(r"(?<!e)ed$|agreed$|freed$")  # "feed" and "need" are no past.
CHANGERS = _set("i we they he she somebody someone")
WORKS = {"at": "work for", "for": "work for", "as": "work as"}
ENDS = re.compile(
    r"(?:gave up|called off|broke off|given up|giving up|quit|stopped(?= \w+ing\b)"
    r"|sold|pulled out of|dropped out of|got rid of|cancelled|canceled|retired from"
    r"|resigned (?:from|as)|stepped down as|left(?! an? ))(?: on)?\b"
)
PASSIVE = re.compile(rf"\b(?:gets?|got|getting) (?=(?:{'|'.join(sorted(CHANGED | ENDED))})\b)")

_DAYS = "monday tuesday wednesday thursday friday saturday sunday"
_MONTHS = "january february march april may june july august september october november december"
_DATES = "|".join(f"{_DAYS} {_MONTHS}".split())

# That it is new, or over.
USED_TO = re.compile(r"(?<!\bam )(?<!\bis )(?<!\bare )(?<!\bget )\bused to\b")
FINAL = re.compile(r"\bany more$|\bany longer$|\banymore\b|\bno longer\b|" + USED_TO.pattern)
DENIED = re.compile(r"\bno longer\b|" + USED_TO.pattern)
NEWS = re.compile(
    r"\b(?:now(?! that)|instead(?! of)|actually|currently|nowadays|correction|update|these days"
    r"|anymore|any more(?=$)|any longer(?=$)|from now on|at all|after all|at the moment|lately"
    rf"|again|from (?:this \w+|next \w+|today|{_DATES}) on(?:wards?)?"
    rf"|(?:from|as of|starting) (?:next |{_DATES}).*|(?:since|until) .*)(?=\s|$)"
)
CORRECTED = re.compile(r"\W*(?:correction|update|actually)\b", re.IGNORECASE)
GONE = re.compile(
    r"\b(not|told you|overwrite|instead of|rather than|moved from"
    r"|(?:switched|changed|migrated)(?: \w+){0,3} from"
    r"|(?:replaced|swapped)(?=(?: \w+)+ (?:with|by|for) ))\s"
    r"(?:the\s|my\s|our\s|an?\s)?((?:[^\W_]+\s?){1,3})"
)
# "walnuts, not peanuts": what the end of a sentence names as wrong.
CONTRAST = re.compile(r",\s*(?:and |but )?not\s+(?:the |my |an? )?([^,]+)$", re.IGNORECASE)
AFTER_GONE = _set("and but to it is was i we an in on at for with only just as so that be")
# What it is about was said elsewhere: "It's the fourth of July now", "I told you that wrong".
REDATES = re.compile(r"\bit is ((?:\w+ ){1,8})now\b|\b(?:it|that|you) wrong\b|\bcorrection\b")

# Its value, and how many there are at a time.
CLOCK = _set(
    "two three four five six seven eight nine ten eleven twelve noon midnight half quarter"
)
# What begins a circumstance, beside which another may hold: "at work", "on Mondays", "in winter".
CIRCUMSTANCES = _set("at in on for during from to by before after every each when while as")
PLACES = _set("in on at under behind beside near inside above below")
CALENDAR = stems(_DAYS + " " + _MONTHS)
MEASURES = CALENDAR | stems(
    "once twice two three four five six seven eight nine ten eleven twelve thirteen fourteen"
    " fifteen sixteen"
    " seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred"
    " thousand half first second third fourth fifth sixth seventh eighth ninth tenth eleventh"
    " twelfth thirteenth fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth"
    " thirtieth noon midnight tomorrow tonight morning afternoon evening"
)
ATTRIBUTES = stems(
    "preferred contact insurance nickname username colour favourite password passcode code pin"
    " address email number capital"
    " title version size brand login"
)
CODES = stems("code number pin")  # Another number replaces one; "the code is clean" is no value.
VAGUE = stems("part thing memory moment time way aspect")
ROLES = stems(
    "boss manager supervisor lead leader doctor dentist landlord landlady flatmate roommate teacher"
    " coach therapist president treasurer captain girlfriend boyfriend wife husband partner mayor"
)
SHARED_ROLES = stems("flatmate roommate teacher coach")  # One has several.
# Of these only one holds at a time.
STATES = {
    state: group
    for group, states in enumerate(
        (
            "single bachelor engaged married divorced widowed separated",
            "vegetarian vegan pescatarian omnivore",
            "employed unemployed retired freelance",
            "open closed",
            "active inactive expired suspended",
            "broken fixed repaired working",
            "paid unpaid overdue",
            "enabled disabled",
            "alive dead",
            "sale sold",
            "online offline",
        )
    )
    for state in stems(states)
}
# "got married", "has been repaired": from now on it is so.
BECAME = re.compile(
    r"\b(?:got|became|(?:has|have) (?:just |now )?(?:been|got|become)|(?:has|have)(?= expired))"
    r" (?=(?:an? )?(?:\w+ed|broken|sold|paid|dead|single|vegan|vegetarian)\b)"
)
# One value at a time if it is a number or a time.
QUANTITIES = {"be"} | stems(
    "open close start begin end finish leave depart arrive cost weigh take last earn pay listen"
    " expire"
)
# That one is not sure of something says nothing about what one was sure of before.
CHATTY = stems("know think believe mind want see feel get mean say tell care worry wait try dont")
MOODS = stems("sure certain glad happy ready sorry surprised excited")
# Of several things at a time: a cat now is no news of the dog.
SEVERAL = {"have"} | stems("own love like hate need play")
ONE_BY_ONE = {"work for", "work as"} | stems("drive sleep")
WISHES = stems("prefer want")
LIKED = stems("like love enjoy adore")
# To do the one is not to do the other.
OPPOSITES = dict.fromkeys(stems("dislike hate detest loathe"), "like") | {
    old: new
    for pair in ("fail pass", "distrust trust", "disagree agree", "reject accept")
    for old, new in [map(_stem, pair.split())]
}
# Another one that is said to be new takes the place of the old.
ONE_AT_A_TIME = stems("goal aim plan priority focus diet job role status")
PARTNERS = stems(
    "girlfriend boyfriend wife husband partner fiance fiancee dating engaged married relationship"
)
TRANSFERS = stems("transferred promoted")
SUBSCRIPTIONS = stems("subscription membership account")
# Who leaves one of these is no longer there.
MEMBERSHIPS = {"work for", "be"} | stems("work study play attend go teach belong")
AGE = stems("years old")
KNOWN = stems(" ".join(PRESENT))
