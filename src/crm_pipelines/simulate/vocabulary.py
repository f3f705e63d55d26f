"""The words of the demo world: what it sells, and what customers say about it.

All names are invented. ``&amp;`` is written as in the published Amazon metadata, so that readers unescape it.
"""

from typing import Final

CATALOGUE: Final = (
    ("Home &amp; Kitchen", "Kettles", ("Kettle", "Teapot", "Jug", "Boiler")),
    ("Home &amp; Kitchen", "Cookware", ("Pan", "Casserole", "Wok", "Saucepan")),
    ("Home &amp; Kitchen", "Bedding", ("Duvet", "Pillow", "Blanket", "Mattress Topper")),
    ("Electronics", "Headphones", ("Headphones", "Earbuds", "Headset", "Speaker")),
    ("Electronics", "Phone Accessories", ("Charger", "Phone Case", "Power Bank", "Cable")),
    ("Electronics", "Cameras", ("Camera", "Lens", "Tripod", "Flash")),
    ("Clothing", "Jackets", ("Jacket", "Parka", "Raincoat", "Vest")),
    ("Clothing", "Shoes", ("Sneakers", "Boots", "Sandals", "Loafers")),
    ("Beauty", "Skin Care", ("Face Cream", "Serum", "Cleanser", "Sunscreen")),
    ("Beauty", "Fragrance", ("Perfume", "Cologne", "Body Mist", "Scented Candle")),
    ("Toys &amp; Games", "Board Games", ("Board Game", "Card Game", "Puzzle", "Dice Set")),
    ("Toys &amp; Games", "Building Toys", ("Brick Set", "Train Set", "Marble Run", "Robot Kit")),
    ("Sports &amp; Outdoors", "Camping", ("Tent", "Sleeping Bag", "Lantern", "Camp Stove")),
    ("Sports &amp; Outdoors", "Cycling", ("Helmet", "Bike Light", "Saddle", "Cycling Gloves")),
    ("Office Products", "Stationery", ("Notebook", "Fountain Pen", "Planner", "Marker Set")),
    ("Pet Supplies", "Dog Supplies", ("Dog Bed", "Leash", "Dog Toy", "Feeding Bowl")),
)
"""(main category, category, nouns); worlds with more categories repeat them as numbered series."""

BRANDS: Final = (
    "Aldernest",
    "Bramwick",
    "Corvello",
    "Dunmere",
    "Eastholm",
    "Fennimore",
    "Galdor &amp; Sons",
    "Hartwell",
    "Ivoren",
    "Juniva",
    "Kestrelle",
    "Lumora",
    "Marlowe &amp; Finch",
    "Nordhavn",
    "Orvane",
    "Pellamy",
    "Quillon",
    "Rosewater",
    "Solvane",
    "Thornby",
)

ADJECTIVES: Final = (
    "Classic",
    "Compact",
    "Deluxe",
    "Everyday",
    "Foldable",
    "Heritage",
    "Light",
    "Modern",
    "Premium",
    "Pro",
    "Slim",
    "Travel",
)

COLOURS: Final = (" Black", " Blue", " Green", " Grey", " Red", " White")
SIZES: Final = (" Small", " Medium", " Large")
FIRST_NAMES: Final = (
    "Ada",
    "Bela",
    "Chen",
    "Dario",
    "Elif",
    "Femi",
    "Greta",
    "Hana",
    "Ivo",
    "Jun",
    "Kofi",
    "Lena",
    "Mina",
    "Noor",
    "Otto",
    "Priya",
)

NEGATIVE, NEUTRAL, POSITIVE = range(3)

OPENINGS: Final = (
    (
        "Disappointed by this ",
        "Terrible ",
        "I regret buying the ",
        "Not worth it, this ",
        "A poor ",
        "Bad experience with the ",
    ),
    (
        "An average ",
        "Okay ",
        "So-so, the ",
        "It is an acceptable ",
        "A decent but ordinary ",
        "Mixed feelings about this ",
    ),
    ("I love this ", "Excellent ", "Very happy with the ", "A wonderful ", "Great ", "So pleased with my new "),
)
"""By sentiment; a brand and a noun follow."""

THEMES: Final = ("quality", "price", "delivery", "fit", "service")

ASPECTS: Final = (
    (  # quality
        ("It broke after two days.", "The material feels cheap.", "It stopped working within a week.", "Poorly made."),
        (
            "The material is what you would expect.",
            "Workmanship is neither good nor bad.",
            "It works most of the time.",
        ),
        ("The material is sturdy and beautiful.", "It works perfectly.", "Really well made.", "Solid workmanship."),
    ),
    (  # price
        ("Far too expensive for what it is.", "A waste of money.", "Overpriced, I want a refund."),
        ("The price is about right.", "I have seen it cheaper elsewhere.", "Wait for a discount."),
        ("A real bargain.", "Worth every cent.", "Amazing value for the price."),
    ),
    (  # delivery
        ("Delivery took three weeks.", "The parcel arrived damaged.", "It was late and the box was torn."),
        ("Delivery took a few days.", "The parcel came on the second attempt.", "Shipping was ordinary."),
        ("Delivery was fast.", "It arrived a day early and well packed.", "Quick shipping, perfect box."),
    ),
    (  # fit
        ("The size is completely wrong.", "It does not fit at all.", "Uncomfortable and far too small."),
        ("The size runs a little small.", "It fits after some adjusting.", "Order one size up."),
        ("It fits perfectly.", "The size is just right.", "Very comfortable from the first day."),
    ),
    (  # service
        ("Customer service never answered.", "Support was rude and useless.", "Nobody helped me with the return."),
        ("Customer service answered after some days.", "Support was polite but slow.", "The return was handled."),
        ("Customer service was friendly and helpful.", "Support solved my question at once.", "Returns are easy."),
    ),
)
"""``ASPECTS[theme][sentiment]`` holds the sentences."""

CLOSINGS: Final = (
    ("Never again.", "I would not recommend it.", "I sent it back.", ""),
    ("It will do.", "Maybe for somebody else.", "I might try another brand.", ""),
    ("Highly recommended.", "I would buy it again.", "My family loves it too.", ""),
)

STAR_SUMMARIES: Final = ("One Star", "Two Stars", "Three Stars", "Four Stars", "Five Stars")
SUMMARIES: Final = (
    ("Disappointing", "Do not buy", "Not as described", "Waste of money"),
    ("It is okay", "Average", "Does the job", "Nothing special"),
    ("Love it", "Great product", "Perfect", "Exactly what I wanted"),
)

TICKET_TOPICS: Final = ("delivery", "return", "payment", "defect", "account")
TICKET_TEXTS: Final = (
    ("Where is my order? The ", " has not arrived.", "The parcel with the ", " is late, please check the delivery."),
    ("I want to return the ", " and get a refund.", "How do I send back the ", "? The return label is missing."),
    ("I was charged twice for the ", ", please correct the payment.", "The invoice for the ", " shows a wrong amount."),
    ("The ", " is broken and I need a replacement.", "My ", " stopped working, what does the warranty cover?"),
    ("I cannot log in to see my order of the ", ".", "Please change the address for my ", " in my account."),
)
"""TICKET_TEXTS[topic] holds two sentences, each as the words before and after the product."""

MENTIONS: Final = (
    (
        ("Three weeks for a ", "! Never again @theshop #fail"),
        ("@theshop my ", " broke and nobody answers 😡"),
        ("Do not buy the ", ", waste of money #disappointed"),
    ),
    (
        ("Thinking about the ", ", anybody tried it? @theshop"),
        ("Saw the ", " at @theshop today"),
        ("@theshop when will the ", " be back in stock?"),
    ),
    (
        ("My new ", " is amazing ❤️ thank you @theshop"),
        ("Love the ", "! Great service @theshop #happy"),
        ("@theshop the ", " arrived a day early, perfect 👍"),
    ),
)
"""MENTIONS[sentiment] holds what is said before and after a product, in the manner of short posts."""

SURVEY_COMMENTS: Final = (
    (
        "I am thinking of leaving, the service got worse.",
        "Too many problems with my orders.",
        "Competitors are cheaper.",
    ),
    ("It is fine, nothing special.", "Some things could be better.", "Okay overall, delivery could be faster."),
    ("Great shop, I will come back.", "Friendly service and good prices.", "I always find what I need."),
)
