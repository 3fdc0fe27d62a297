"""Words for times that lie back, by language: today, last week, three days ago.

Only those that mean nothing else in their language. In Latin letters they count in texts of their
own language, and the English ones in all.
"""

# By language: units and how many of them back, each with its wordings.
BACK: dict[str, dict[tuple[str, int], str]] = {
    "english": {
        ("day", 0): "today|tonight|this morning|this afternoon|this evening",
        ("day", 1): "yesterday|last night",
        ("day", 2): "day before yesterday",
        ("week", 0): "this week",
        ("week", 1): "last week|past week|previous week",
        ("weekend", 0): "this weekend",
        ("weekend", 1): "last weekend|past weekend|previous weekend",
        ("month", 0): "this month",
        ("month", 1): "last month|past month|previous month",
        ("year", 0): "this year",
        ("year", 1): "last year|past year|previous year",
    },
    "german": {
        ("day", 0): "heute",
        ("day", 1): "gestern",
        ("day", 2): "vorgestern",
        ("week", 0): "diese woche|in dieser woche",
        ("week", 1): "letzte woche|letzter woche|vorige woche|voriger woche",
        ("weekend", 1): "letztes wochenende|letzten wochenende",
        ("month", 0): "diesen monat|diesem monat",
        ("month", 1): "letzten monat|vorigen monat",
        ("year", 0): "dieses jahr|diesem jahr",
        ("year", 1): "letztes jahr|letzten jahr|voriges jahr|vorigen jahr",
    },
    "turkish": {
        ("day", 0): "bugün",
        ("day", 1): "dün",
        ("week", 0): "bu hafta",
        ("week", 1): "geçen hafta",
        ("weekend", 1): "geçen hafta sonu",
        ("month", 0): "bu ay",
        ("month", 1): "geçen ay",
        ("year", 0): "bu yıl",
        ("year", 1): "geçen yıl|geçen sene",
    },
    "russian": {
        ("day", 0): "сегодня",
        ("day", 1): "вчера",
        ("day", 2): "позавчера",
        ("week", 0): "на этой неделе",
        ("week", 1): "на прошлой неделе|неделю назад",
        ("weekend", 1): "на прошлых выходных|в прошлые выходные",
        ("month", 0): "в этом месяце",
        ("month", 1): "в прошлом месяце",
        ("year", 0): "в этом году",
        ("year", 1): "в прошлом году",
    },
    "arabic": {
        ("day", 0): "اليوم",
        ("day", 1): "أمس|البارحة",
        ("week", 0): "هذا الأسبوع",
        ("week", 1): "الأسبوع الماضي",
        ("month", 0): "هذا الشهر",
        ("month", 1): "الشهر الماضي",
        ("year", 0): "هذا العام|هذه السنة",
        ("year", 1): "العام الماضي|السنة الماضية",
    },
    "hindi": {
        ("day", 0): "आज",
        ("week", 0): "इस हफ्ते|इस सप्ताह",
        ("week", 1): "पिछले हफ्ते|पिछले सप्ताह",
        ("month", 0): "इस महीने",
        ("month", 1): "पिछले महीने",
        ("year", 0): "इस साल|इस वर्ष",
        ("year", 1): "पिछले साल|पिछले वर्ष",
    },
    "chinese": {
        ("day", 0): "今天|今日",
        ("day", 1): "昨天|昨日",
        ("day", 2): "前天",
        ("week", 0): "这周|這週|本周|这个星期|這個星期|今週",
        ("week", 1): "上周|上週|上星期|上个星期|上個星期|先週",
        ("weekend", 1): "上周末|上週末|先週末",
        ("month", 0): "这个月|這個月|本月|今月",
        ("month", 1): "上个月|上個月|上月|先月",
        ("year", 0): "今年",
        ("year", 1): "去年|昨年",
    },
    "korean": {
        ("day", 0): "오늘",
        ("day", 1): "어제",
        ("day", 2): "그저께",
        ("week", 0): "이번 주",
        ("week", 1): "지난주|지난 주",
        ("weekend", 1): "지난 주말|지난주말",
        ("month", 0): "이번 달",
        ("month", 1): "지난달|지난 달",
        ("year", 0): "올해",
        ("year", 1): "작년|지난해",
    },
    "thai": {
        ("day", 0): "วันนี้",
        ("day", 1): "เมื่อวาน",
        ("week", 0): "สัปดาห์นี้|อาทิตย์นี้",
        ("week", 1): "สัปดาห์ที่แล้ว|อาทิตย์ที่แล้ว|สัปดาห์ก่อน|อาทิตย์ก่อน",
        ("month", 0): "เดือนนี้",
        ("month", 1): "เดือนที่แล้ว|เดือนก่อน",
        ("year", 0): "ปีนี้",
        ("year", 1): "ปีที่แล้ว",
    },
}
# By language: so many units ago, and what the words of its units begin with.
AGO: dict[str, tuple[str, dict[str, str]]] = {
    "english": (
        r"{count} {unit}s? ago",
        {"day": "day", "week": "week", "month": "month", "year": "year"},
    ),
    "german": (
        r"vor {count} {unit}(?:e|en|n)?",
        {"tag": "day", "woche": "week", "monat": "month", "jahr": "year"},
    ),
    "turkish": (
        r"{count} {unit} önce",
        {"gün": "day", "hafta": "week", "ay": "month", "yıl": "year", "sene": "year"},
    ),
    "russian": (
        r"{count} {unit}(?:я|ь|и|ю|а|ев|ей)? назад",
        {
            "дн": "day",
            "ден": "day",
            "недел": "week",
            "месяц": "month",
            "год": "year",
            "лет": "year",
        },
    ),
    "chinese": (
        r"{count} ?个?{unit}之?前",
        {
            "天": "day",
            "日": "day",
            "周": "week",
            "週": "week",
            "週間": "week",
            "星期": "week",
            "月": "month",
            "か月": "month",
            "ヶ月": "month",
            "年": "year",
        },
    ),
    "korean": (
        r"{count} ?{unit} ?전",
        {"일": "day", "주": "week", "주일": "week", "달": "month", "개월": "month", "년": "year"},
    ),
    "thai": (
        r"{count} ?{unit}(?:ที่แล้ว|ก่อน)",
        {"วัน": "day", "สัปดาห์": "week", "อาทิตย์": "week", "เดือน": "month", "ปี": "year"},
    ),
    "hindi": (
        r"{count} {unit} पहले",
        {"दिन": "day", "हफ्ते": "week", "सप्ताह": "week", "महीने": "month", "साल": "year"},
    ),
}
NUMBERS: dict[str, int] = {
    word: number
    for number, words in enumerate(
        (
            "a an one einem einer один одну bir 一 한 एक",
            "two zwei два две iki 二 两 兩 두 दो",
            "three drei три üç 三 세 तीन",
            "four vier четыре dört 四 네 चार",
            "five fünf пять beş 五 다섯 पाँच",
            "six sechs шесть altı 六 여섯",
            "seven sieben семь yedi 七 일곱",
            "eight acht восемь sekiz 八 여덟",
            "nine neun девять dokuz 九 아홉",
            "ten zehn десять on 十 열",
            "eleven elf",
            "twelve zwölf",
        ),
        1,
    )
    for word in words.split()
}
