"""Languages other than English: which one a text is in, its stems, and its words of no subject.

A script is told by a word's own letters. Of languages in Latin letters the one is taken whose words
of no subject are in the text, if there are more of them than of English ones.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import chain

import regex

ENGLISH = "english"
VOTES_MIN = 2

# English words that say nothing about a subject. "may" is not among them: dates hold it.
_STOP_WORDS = """
    a an the this that these those
    i me my mine myself we us our ours ourselves you your yours yourself yourselves
    he him his himself she her hers herself it its itself they them their theirs themselves
    who whom whose which what when where why how
    am is are was were be been being have has had having do does did doing done
    will would shall should can can't could might must ought won't shan't ain't cannot
    and or but nor if then than so because as while until although though
    of at by for with about against between into through during before after above below
    to from up down in out on off over under again further once upon
    here there all any both each few more most other some such no not only own same too very
    just also
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())

# By the name of the stemmer. In Latin letters they also tell the language.
_FUNCTION_WORDS = {
    "german": """
        ich du er sie es wir ihr mich mir dich dir ihn ihm uns euch ihnen sich mein meine
        meinem meinen meiner meines dein deine deinen deinem unser unsere unseren unserem
        sein seine seinen seinem ihre ihren ihrem der die das den dem des ein eine einen
        einem einer eines kein keine keinen und oder aber doch denn weil dass ob wenn als
        wie wo was wer wen wem wann warum wieso welche welcher welches welchen bin bist
        ist sind seid war waren wird werden habe hast hat haben hatte hatten nicht auch
        noch nur sehr schon mit von vom zu zum zur bei beim nach aus auf für über unter
        vor im am ins ans dieses dieser diese diesen jeden jeder jedes man""",
    "french": """
        je tu il elle on nous vous ils elles me te se moi toi lui leur mon ma mes ton ta
        tes son sa ses notre nos votre vos le la les un une des du de au aux et ou mais
        donc car que qui quoi dont où quand comment pourquoi quel quelle quels quelles est
        es suis sommes êtes sont était ai as avons avez ont avait ne pas plus dans en sur
        sous avec pour par chez ce cet cette ces ça très aussi""",
    "spanish": """
        yo tú él ella nosotros ellos ellas me te se nos le les lo la los las mi mis tu tus
        su sus nuestro nuestra nuestros nuestras el un una unos unas y o pero que quien
        quién qué cuál cuándo dónde donde cómo como por para porque de del al a en con sin
        sobre es soy eres somos son era fue está estoy están hay he ha han no muy también
        ya este esta estos estas eso esa""",
    "italian": """
        io tu lui lei noi voi loro mi ti si ci vi mio mia miei mie tuo tua suo sua nostro
        nostra il lo la i gli le un uno una e o ma che chi cosa quale quando dove come
        perché di del della dei delle al alla ai alle da dal dalla in nel nella con su sul
        sulla per è sono sei siamo siete era ho hai ha abbiamo hanno non più anche questo
        questa questi queste molto""",
    "portuguese": """
        eu tu ele ela nós eles elas você vocês me te se nos meu minha meus minhas teu tua
        seu sua nosso nossa o a os as um uma uns umas e ou mas que quem qual quando onde
        como porque por para de do da dos das ao à no na nos nas em com sem sobre é sou
        são era foi está estou estão há tenho tem não muito também já este esta isso essa""",
    "dutch": """
        ik jij je hij zij ze wij we jullie mij me hem haar ons hen mijn jouw zijn onze hun
        de het een en of maar want dat die dit deze wie wat waar wanneer waarom hoe welke
        ben bent is was waren heb hebt heeft hebben had niet ook nog er naar van met voor
        op bij uit over aan te geen zeer onder""",
    "swedish": """
        jag du han hon vi ni de dem mig dig sig oss min mitt mina din ditt vår vårt sin en
        ett den det och eller men att som vad vem var när hur varför vilken vilket är var
        har hade inte också på i av för med till från om under efter mycket""",
    "danish": """
        jeg du han hun vi de dem mig dig sig os min mit mine din dit vores en et den det
        og eller men at som hvad hvem hvor hvornår hvordan hvorfor hvilken er var har
        havde ikke også på i af for med til fra om efter meget""",
    "norwegian": """
        jeg du han hun vi de dem meg deg seg oss min mitt mine din ditt vår vårt en et ei
        den det og eller men at som hva hvem hvor når hvordan hvorfor hvilken er var har
        hadde ikke også på i av for med til fra om etter veldig""",
    "finnish": """
        minä sinä hän me te he minun sinun hänen meidän minulla minulle on ovat oli olen
        olet ja tai mutta että joka mikä mitä kuka missä milloin miten miksi ei en myös
        kun niin se ne tämä nämä hyvin""",
    "polish": """
        ja ty on ona my wy oni mnie mi mój moja moje moją mojego nasz nasza nasze się i
        lub ale że który która które co kto gdzie kiedy jak dlaczego jaki jaka jest są był
        była było mam ma nie tak też na w we z ze do od dla po przez o u za pod bardzo""",
    "czech": """
        já ty on ona my vy oni mě mi můj moje moji náš naše se si a nebo ale že který
        která které co kdo kde kdy jak proč jaký jaká je jsou byl byla bylo jsem mám má ne
        také na v ve z ze do od pro po o u za pod velmi""",
    "romanian": """
        eu tu el ea noi voi ei ele mă te se mea meu mei mele nostru noastră un o unei unui
        și sau dar că care ce cine unde când cum este sunt era am ai are au nu mai la în
        pe cu de din pentru foarte""",
    "hungarian": """
        én te ő mi ti ők az egy és vagy de hogy aki ami mit ki hol mikor hogyan miért
        milyen van volt vannak nem is nagyon már még meg ez ezt azt""",
    "indonesian": """
        saya aku kamu dia kami kita mereka yang dan atau tetapi ini itu di ke dari untuk
        dengan pada adalah apa siapa mana kapan bagaimana mengapa tidak ada sudah akan
        juga sangat""",
    "turkish": """
        ben sen o biz siz onlar beni bana benim senin onun bizim sizin ve veya ama fakat
        çünkü bir bu şu ile için gibi kadar da de ki ne neye neyi kim nerede nereye
        nereden nasıl neden hangi kaç mı mi mu mü var yok değil çok daha en her mıyım
        miyim musun misin""",
    "russian": """
        я ты он она оно мы вы они меня мне тебя тебе его ему её ее ей нас нам вас вам их
        им мой моя моё мое мои моей моего моему моим твой твоя наш наша наше наши нашу
        свой своя своё свои и а но или что чтобы кто кого кому кем чём чем где куда когда
        как какой какая какое какие какого почему в во на с со к ко о об от из за под над
        по для до у при не ни ли же бы это этот эта эти был была было были есть""",
    "arabic": """
        أنا انا أنت انت هو هي نحن هم في من على عن إلى الى مع هذا هذه ذلك تلك التي الذي ما
        ماذا متى أين اين كيف لماذا كم هل أي اي و أو او لكن لكني ثم إن ان أن لا لم لن كان
        كانت كل قد مم""",
    "hindi": """
        मैं मैंने मुझे मेरा मेरी मेरे हम हमने हमारा हमारी हमारे तुम आप वह वे यह ये उसे
        उसका उसकी को का की के में से पर और या लेकिन कि जो क्या कौन कब कहाँ कैसे क्यों किसे
        किससे किसके किस कितना कितने कितनी है हैं था थी थे हूँ हो ने भी नहीं ही तो एक""",
}
# In these a word in front of the apostrophe is no word of its own, or one behind it is an ending.
_ELIDING = {"french", "italian", "portuguese"}
# Letters that some of them have and English has not; three are Turkish alone.
_LETTERS = dict.fromkeys("ğşı", ["turkish"] * VOTES_MIN) | {
    "ö": ["german", "turkish", "hungarian"],
    "ü": ["german", "turkish", "hungarian"],
    "ä": ["german", "finnish", "swedish"],
    "ß": ["german", "german"],
    "ç": ["french", "portuguese", "turkish"],
    "ñ": ["spanish", "spanish"],
    "ã": ["portuguese", "portuguese"],
    "å": ["swedish", "danish", "norwegian"],
    "ø": ["danish", "norwegian"],
    "ł": ["polish", "polish"],
    "ő": ["hungarian", "hungarian"],
    "ř": ["czech", "czech"],
    "ț": ["romanian", "romanian"],
}
_SCRIPTS = {
    "\u0600-\u06ff": "arabic",
    "\u0900-\u097f": "hindi",
    "\u0370-\u03ff\u1f00-\u1fff": "greek",
    "\u0530-\u058f": "armenian",
    "\u0b80-\u0bff": "tamil",
}
_RUSSIAN = regex.compile("[а-я]")
_CYRILLIC_ELSEWHERE = regex.compile("[\u0450-\u045f\u0490-\u04ff]")  # no stemmer, but for Serbian
_LATIN = regex.compile(r"\p{Latin}")
_MADE_BY_SCRIPT = [(regex.compile(f"[{letters}]"), name) for letters, name in _SCRIPTS.items()]
_BY_SCRIPT = {"arabic", "hindi", "russian"}
# By word: the languages that have it, and of those that it tells the ones in Latin letters.
_LANGUAGES: dict[str, list[str]] = {}
for _language, _words in _FUNCTION_WORDS.items():
    for _word in dict.fromkeys(_words.split()):
        _LANGUAGES.setdefault(_word, []).append(_language)
_TOLD_BY = {
    word: some
    for word, languages in _LANGUAGES.items()
    if word not in STOP_WORDS and (some := [each for each in languages if each not in _BY_SCRIPT])
}
_ARTICLE = regex.compile(r"(?:[وفبك]?ال|لل)(?=\p{L}{2})")


def language_of(words: Sequence[str]) -> str:
    """The language of a text in Latin letters.

    Args:
        words: of the text, as `cognition.language.text.words` gives them.

    Returns:
        The name of a stemmer; ENGLISH unless the text has VOTES_MIN words of no subject in another
        language, or letters of that alone, and no more of English.

    Source: Grefenstette (1995), JADT: the most frequent short words tell a language.

    >>> language_of(["wo", "wohnt", "meine", "schwester"]), language_of(["die", "hard"])
    ('german', 'english')
    """
    told = [_TOLD_BY[word] for word in words if word in _TOLD_BY]
    letters = "".join(words)
    if not letters.isascii():
        told += [some for letter, some in _LETTERS.items() if letter in letters]
    if not told:
        return ENGLISH
    votes = Counter(chain.from_iterable(told))
    best, most = max(votes.items(), key=lambda each: each[1])
    english = sum(word in STOP_WORDS for word in words)
    return best if most >= max(VOTES_MIN, english) else ENGLISH


def stemmers_of(word: str, language: str) -> tuple[str, ...]:
    """The stemmers for a word: its script's; in Latin letters English's, and its text's.

    English's always: a word that is asked for alone does not tell its language.

    Args:
        word: one word.
        language: of its text, by `language_of`.

    Returns:
        Names of Snowball's stemmers; none for a script that has none.

    Source: none.

    >>> stemmers_of("häuser", "german"), stemmers_of("कमल", "german"), stemmers_of("שלום", "german")
    (('english', 'german'), ('hindi',), ())
    """
    if word.isascii() or _LATIN.search(word):
        return (ENGLISH,) if language == ENGLISH else (ENGLISH, language)
    if _RUSSIAN.search(word):
        return () if _CYRILLIC_ELSEWHERE.search(word) else ("russian",)
    return tuple(name for letters, name in _MADE_BY_SCRIPT if letters.search(word))[:1]


def says_nothing(word: str, language: str) -> bool:
    """True for a word of no subject, in its text's language or in its script's.

    Args:
        word: one word.
        language: of its text, by `language_of`.

    Returns:
        False for English ones in English: those are STOP_WORDS.

    Source: none.

    >>> says_nothing("die", "german"), says_nothing("die", "english"), says_nothing("и", "english")
    (True, False, True)
    """
    return any(each == language or each in _BY_SCRIPT for each in _LANGUAGES.get(word, ()))


def without_prefix(word: str, language: str) -> str:
    """A word without what is written together with it: an article, a preposition, an ending.

    Args:
        word: one word.
        language: of its text, by `language_of`.

    Returns:
        The word alone.

    Source: none.

    >>> without_prefix("l'eau", "french"), without_prefix("ankara'da", "turkish")
    ('eau', 'ankara')
    """
    if _ARTICLE.match(word):
        return str(_ARTICLE.sub("", word))
    if "'" not in word or language == ENGLISH:
        return word
    before, _, behind = word.partition("'")
    return behind if language in _ELIDING else before
