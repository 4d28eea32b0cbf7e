"""The passwords that are tried first, wherever somebody tries; long ones are made of the short."""

_TEXT = """
00000000 000000000 0000000000 000000000000 01234567 0123456789 10101010 11111111 111111111 1111111111
111111111111 11223344 112233445566 012345678901 123456789012 1234567890123 12345678901234 123456789012345
123456789123 123456654321 123123123123
12121212 121212121 12312312 123123123 1231231234 12341234 123412345 12344321 123454321 12345678 123456789
1234567890 12345678910 123456789a 123456789q 12345679 123456abc 12345qwert 1234abcd 1234qwer 123654789
13131313 14725836 147258369 159357456 159753456 19841984 19871987 1q2w3e4r 1q2w3e4r5t 1q2w3e4r5t6y
1qaz1qaz 1qaz2wsx 1qaz2wsx3edc 1qazxsw2 20202020 22222222 23456789 33333333 44444444 55555555 66666666
77777777 789456123 87654321 88888888 987654321 9876543210 99999999 999999999 a1b2c3d4 a1s2d3f4 aa123456
aaaaaaaa abc12345 abcd1234 abcdefgh abcdefghi admin123 admin1234 adminadmin administrator alexander
asdasdasd asdf1234 asdfasdf asdfghjk asdfghjkl azertyuiop baseball basketball boxoffice boxoffice1
business butterfly changeme changeme1 charlie1 charlotte chocolate christian christine computer computer1
corvette danielle dragon123 einstein elephant elizabeth facebook firebird football football1 forever1
freedom1 fuckyou1 gabriel1 godzilla hello123 hellohello helloworld iloveyou iloveyou1 iloveyou2 internet
jennifer jonathan jordan23 justin123 letmein1 letmein123 liverpool lovelove loveyou1 marlboro maverick
mercedes metallica michael1 michelle midnight minecraft monkey123 motdepasse mustang1 mypassword nicholas
p@ssw0rd p@ssword pa$$w0rd pa55word pass1234 passpass passw0rd passw0rd1 password password! password.
password0 password01 password1 password1! password12 password123 password1234 password2 password3
passwort passwort1 patricia pokemon1 president princess princess1 q1w2e3r4 q1w2e3r4t5 q1w2e3r4t5y6
qazwsx123 qazwsxed qazwsxedc qqqqqqqq qwer1234 qwerqwer qwert123 qwerty12 qwerty123 qwerty1234
qwerty12345 qwertyui qwertyuiop qwertz123 qwertzui qwertzuiop red12345 samantha samsung1 scorpion
secret123 security september sexysexy slipknot snowball spiderman starwars steelers stephanie sunshine
sunshine1 superman superman1 swordfish test1234 testtest testtest1 thunder1 ticketing tickets1 tinkerbell
trustno1 undertaker valentina victoria welcome1 welcome123 whatever william1 wolverine xxxxxxxx yankees1
zaq12wsx zaq1zaq1 zxcvbnm1 zxcvbnm123 zxcvzxcv zzzzzzzz
"""

COMMON_PASSWORDS = frozenset(_TEXT.split())
